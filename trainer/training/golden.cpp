// The list, and the trainings that it describes.
#include "trainer/training/golden.hpp"

#include "cli/words.hpp"
#include "trainer/data/digest.hpp"

#include <algorithm>

namespace lanefold::trainer {
namespace {

// SHA-256 of the training images, in the order of GoldenCase::Hashes.
constexpr const char *digits_sha256 = "b144a90722e87f8b51005bebd7c4de69e1d74e9353ce645d5d344adfbac79cd3";
constexpr const char *mnist_sha256 = "edc0d1098aa497be14ace79ddd5171e5a3dcf9c4d196c015389203eb3ba1f59b";

} // namespace

const std::vector<GoldenCase> &golden_cases() {
  // If a hash changes, every user's training gives other bits.  CHANGELOG.md then says why, beside the new fingerprint.
  // tests/trainer/golden_test.cpp prints the rows.
  static const std::vector<GoldenCase> cases = {
#include "trainer/training/golden_hashes.inc"
  };
  return cases;
}

std::string GoldenCase::flags() const {
  const GoldenCase reference;
  std::string text;
  const auto add = [&](const char *option, const std::string &word, const std::string &usual) {
    if (word != usual) text += (text.empty() ? "--" : " --") + std::string(option) + " " + word;
  };
  add("activation", activation, reference.activation);
  add("init", initializer, reference.initializer);
  add("optimizer", optimizer, reference.optimizer);
  add("batch-norm", batch_norm, reference.batch_norm);
  return text;
}

std::string golden_hash(const GoldenCase &golden, const Samples &images, int64_t steps) {
  const std::string data = sha256(images);
  for (size_t i = 0; i < golden_steps.size(); ++i) {
    if (golden_steps[i] != steps) continue;
    if (data == digits_sha256) return golden.hashes[i].digits;
    if (data == mnist_sha256) return golden.hashes[i].mnist;
  }
  return "";
}

std::string golden_fingerprint() {
  Sha256 all;
  for (const GoldenCase &golden : golden_cases()) {
    const std::string flags = golden.flags();
    all.add(flags.data(), flags.size());
    for (const GoldenCase::Hashes &hashes : golden.hashes)
      for (const std::string *hash : {&hashes.digits, &hashes.mnist}) all.add(hash->data(), hash->size());
  }
  return all.hex();
}

Description description_of(const GoldenCase &golden, int64_t features) {
  LayerDescription layer;
  layer.activation = cli::code_of(activation_names(), golden.activation);
  layer.alpha = activation_of(layer.activation).usual_alpha;
  layer.init = usual(golden.initializer);
  return plain(features, {300, 100}, digit_classes, layer, golden.batch_norm);
}

TrainOptions options_of(const GoldenCase &golden) {
  TrainOptions options;
  options.optimizer.kind = cli::code_of(optimizer_names(), golden.optimizer);
  return options;
}

std::vector<std::string> train_golden(const Context &context, const Dataset &data, const GoldenCase &golden,
                                      size_t count) {
  const TrainOptions options = options_of(golden);
  Network network(description_of(golden, data.train.features()));
  initialize(network, options.seed);
  Training training(context, network, data, {options, {}, "", {}, numeric_version});
  std::vector<std::string> hashes;
  TrainWatch watch;
  int64_t step = 0;
  watch.step = [&](const StepFigures &) {
    if (++step != golden_steps[hashes.size()]) return;
    hashes.push_back(sha256(network));
  };
  watch.stop = [&] { return hashes.size() == count; };
  if (training.run(watch))
    throw DataError(data.name + ": has too few images for " + std::to_string(golden_steps[count - 1]) + " steps");
  return hashes;
}

std::string sha256(const Samples &images) {
  Sha256 hash;
  hash.add(images.pixels.data(), images.pixels.size());
  hash.add(images.chosen);
  std::vector<float> row(static_cast<size_t>(images.features()));
  for (int64_t i = 0; images.numbers && i < images.count(); ++i) {
    images.numbers->copy(images.number_of(i), row.data());
    if (!images.are_bytes) hash.add(row);
    else {
      std::vector<uint8_t> bytes;
      for (const float x : row) bytes.push_back(static_cast<uint8_t>(x * 255 + 0.5f));
      hash.add(bytes);
    }
  }
  // Labels that bytes can hold are hashed as bytes, as MNIST has them.
  if (images.outputs > 0) {
    hash.add(images.targets);
    return hash.hex();
  }
  const bool are_bytes =
      std::all_of(images.labels.begin(), images.labels.end(), [](int32_t label) { return label >= 0 && label < 256; });
  if (are_bytes) hash.add(std::vector<uint8_t>(images.labels.begin(), images.labels.end()));
  else hash.add(images.labels);
  return hash.hex();
}

} // namespace lanefold::trainer
