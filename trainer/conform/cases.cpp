// Random cases of every operation, and the golden vectors as cases.
#include "trainer/conform/maker.hpp"

#include "cli/json.hpp"
#include "cli/words.hpp"
#include "trainer/network/activations.hpp"
#include "trainer/training/optimizer.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <iterator>
#include <stdexcept>

extern const char lanefold_golden_vectors[];

namespace lanefold::trainer::conform {
namespace {

constexpr const char *names[] = {"sgemm",
                                 "pack_weights",
                                 "unpack_weights",
                                 "dense_infer",
                                 "dense_forward",
                                 "dense_backward",
                                 "batch_norm_forward",
                                 "batch_norm_backward",
                                 "fold_batch_norm",
                                 "activation_forward",
                                 "activation_backward",
                                 "softmax_cross_entropy",
                                 "top_k_correct",
                                 "optimizer_step",
                                 "gather",
                                 "softmax",
                                 "elementwise_loss",
                                 "dropout",
                                 "batch_norm_moments",
                                 "batch_norm_merge",
                                 "column_sums"};
static_assert(std::size(names) == LF_OP_COUNT);

// Sizes beyond one tile, and beyond the MC, KC and NC of any kernel: m, n and k in turn.
constexpr Sizes blocks[] = {{130, 130, 260}, {300, 40, 20}, {96, 96, 96}, {2, 600, 33},  {5, 9, 1100},
                            {260, 3, 300},   {513, 17, 5},  {3, 2100, 7}, {4, 11, 2300}, {1200, 33, 19}};
constexpr size_t blocks_of_few = 3;

// One size of each is a prime beyond 4096.
constexpr Sizes large[] = {{3, 19, 4099}, {5003, 7, 3}, {2, 6007, 5}};
constexpr Sizes apart = {20, 35, 18};

void sgemm(Maker &make, const Sizes &s) {
  constexpr double alphas[] = {1, -0.75, 0, 0.3f, 1}, betas[] = {0, 1, 0.3f, -0.75};
  const bool ta = make.way(2) != 0, tb = make.way(4) > 1;
  make.set("transpose_a", ta), make.set("transpose_b", tb);
  make.set("alpha", alphas[make.below(5)]);
  const double beta = betas[make.below(4)];
  make.set("beta", beta);
  make.reads("a", ta ? s.k : s.m, ta ? s.m : s.k), make.reads("b", tb ? s.n : s.k, tb ? s.k : s.n);
  if (beta == 0) make.writes("c", s.m, s.n);
  else make.updates("c", s.m, s.n);
}

void weights(Maker &make, const Sizes &s) {
  const bool tb = make.chance(2);
  make.set("transpose_b", tb);
  make.reads("w", tb ? s.n : s.k, tb ? s.k : s.n);
}

void unpack_weights(Maker &make, const Sizes &s) {
  weights(make, s);
  make.writes("unpacked", s.k, s.n);
}

void dense_infer(Maker &make, const Sizes &s) {
  set_activation(make);
  make.reads("x", s.m, s.k), weights(make, s);
  if (make.chance(2)) make.reads("bias", 1, s.n);
  make.writes("y", s.m, s.n);
}

void dense_forward(Maker &make, const Sizes &s) {
  const bool norm = make.chance(2), training = make.chance(2) && s.m > 1;
  set_activation(make);
  make.set("packed", make.chance(3)), make.set("training", training);
  make.reads("x", s.m, s.k), make.reads("w", s.k, s.n);
  if (make.chance(2)) make.reads("bias", 1, s.n);
  if (norm) normalization(make, s.n, training);
  if (!make.chance(3)) make.writes("z", s.m, s.n);
  make.writes("y", s.m, s.n);
}

void dense_backward(Maker &make, const Sizes &s) {
  const bool norm = make.chance(2) && s.m > 1;
  set_activation(make);
  const bool packed = make.chance(3), wants_dx = !make.chance(3), updates = make.chance(2);
  make.set("packed", packed);
  make.reads("x", s.m, s.k), make.reads("dy", s.m, s.n);
  // What the gradients do not need may be absent.
  if (packed || wants_dx || updates || make.chance(2)) make.reads("w", s.k, s.n);
  const int64_t activation = make.way(LF_ACTIVATION_COUNT);
  const bool from_input = LF_DERIVES_FROM_INPUT(activation);
  if (norm || from_input || make.chance(2)) make.reads("z", s.m, s.n, from_input ? -4 : -1, from_input ? 4 : 1);
  if ((activation != LF_IDENTITY && !from_input) || make.chance(2)) make.reads("y", s.m, s.n);
  if (norm) {
    if (from_input) make.reads("beta", 1, s.n);
    make.reads("gamma", 1, s.n, 0.5, 1.5), make.reads("mean", 1, s.n), make.reads("inv_std", 1, s.n, 0.5, 2);
    make.writes("dgamma", 1, s.n), make.writes("dbeta", 1, s.n);
  }
  if (!updates || !make.chance(3)) make.writes("dw", s.k, s.n);
  if (make.chance(2)) make.writes("dbias", 1, s.n);
  if (wants_dx) make.writes("dx", s.m, s.k);
  if (!updates) return;
  make.set("learning_rate", make.uniform(0, 1)), make.writes("updated_w", s.k, s.n);
  if (!packed && make.chance(2)) make.last().in_place_of = "w";
}

void activation_forward(Maker &make, const Sizes &s) {
  set_activation(make);
  const double range = make.chance(2)   ? 0.01
                       : make.chance(2) ? 12
                                        : 103; // functions lose digits near 0, or far from it
  make.reads("x", s.m, s.n, -range, range);
  make.writes("y", s.m, s.n);
  if (make.chance(4)) make.last().in_place_of = "x";
}

void activation_backward(Maker &make, const Sizes &s) {
  set_activation(make);
  if (LF_DERIVES_FROM_INPUT(make.way(LF_ACTIVATION_COUNT))) make.reads("x", s.m, s.n, -6, 6);
  else make.reads("y", s.m, s.n);
  make.reads("dy", s.m, s.n);
  make.writes("dx", s.m, s.n);
  if (make.chance(4)) make.last().in_place_of = "dy";
}

void softmax_cross_entropy(Maker &make, const Sizes &s) {
  const double range = make.chance(3) ? 1000 : 8; // whoever does not subtract the largest logit overflows
  make.reads("x", s.m, s.n, -range, range);
  // The largest logit of each row is in one of the last columns, or anywhere.
  if (make.chance(3))
    for (int64_t i = 0; i < s.m; ++i)
      make.last().values[static_cast<size_t>(i * s.n + s.n - 1 - make.below(std::min<int64_t>(s.n, 3)))] = 2 * range;
  make.indices("labels", s.m, s.n, Element::int32);
  if (make.chance(3)) make.reads("weights", 1, s.m, 0, 3);
  losses_of_part(make, s.m);
  make.writes("loss", 1, 1);
  if (make.chance(4)) return;
  make.writes("dx", s.m, s.n);
  if (make.chance(4)) make.last().in_place_of = "x";
}

void elementwise_loss(Maker &make, const Sizes &s) {
  const auto function = static_cast<int32_t>(make.way(LF_LOSS_COUNT));
  make.set("function", function);
  if (function == LF_HUBER_ERROR) make.set("delta", make.uniform(0.1, 3));
  const double range = make.chance(3) ? 100 : 4;
  make.reads("x", s.m, s.n, -range, range);
  if (function == LF_LOGISTIC_CROSS_ENTROPY) make.reads("targets", s.m, s.n, 0, 1);
  else make.reads("targets", s.m, s.n, -range, range);
  if (make.chance(2))
    for (double &target : make.last().values) target = std::round(target); // two classes, or some equal to x
  if (make.chance(3)) make.reads("weights", 1, s.m, 0, 3);
  losses_of_part(make, s.m);
  make.writes("loss", 1, 1);
  if (make.chance(4)) return;
  make.writes("dx", s.m, s.n);
  if (make.chance(4)) make.last().in_place_of = "x";
}

void dropout(Maker &make, const Sizes &s) {
  constexpr int64_t words = 1 << 30;
  make.set("rate", make.chance(5) ? 0 : make.uniform(0, 0.99));
  make.set("seed", static_cast<double>(make.below(words)) * 0x1p20 + static_cast<double>(make.below(words)));
  make.set("stream", static_cast<double>(make.below(words)) * 0x1p20 + static_cast<double>(make.below(words)));
  make.set("first_row", static_cast<double>(make.chance(2) ? 0 : make.below(words)));
  make.reads("x", s.m, s.n);
  make.writes("y", s.m, s.n);
  if (make.chance(2)) make.last().in_place_of = "x";
}

void softmax(Maker &make, const Sizes &s) {
  const double range = make.chance(3) ? 1000 : 8; // whoever does not subtract the largest logit overflows
  make.set("logarithm", make.way(2) != 0);
  make.reads("x", s.m, s.n, -range, range);
  make.writes("y", s.m, s.n);
  if (make.chance(4)) make.last().in_place_of = "x";
}

void top_k_correct(Maker &make, const Sizes &s) {
  make.set("k", static_cast<double>(1 + make.below(s.n)));
  make.reads("x", s.m, s.n);
  for (double &value : make.last().values) value = std::round(4 * value); // some are equal
  make.indices("labels", s.m, s.n, Element::int32);
  make.writes("correct", 1, 1);
  make.last().element = Element::int64;
}

void optimizer_step(Maker &make, const Sizes &s) {
  const auto optimizer = static_cast<int32_t>(make.way(LF_OPTIMIZER_COUNT));
  make.set("optimizer", optimizer);
  make.set("step", static_cast<double>(make.chance(3) ? 1000 * (1 + make.below(1000)) : 1 + make.below(9)));
  make.set("learning_rate", make.uniform(0, 0.5)), make.set("momentum", make.uniform(0, 0.95));
  make.set("beta2", make.uniform(0.5, 0.999)), make.set("eps", make.uniform(1e-6, 1e-3));
  if (make.chance(2)) make.set("weight_decay", make.uniform(0, 0.1));
  const int64_t n = s.n > 70 ? s.n * s.k : s.n;
  make.updates("w", 1, n), make.reads("g", 1, n);
  if (optimizer != LF_SGD) make.updates("m", 1, n);
  if (optimizer == LF_ADAM) make.updates("v", 1, n, 0, 1);
}

void gather(Maker &make, const Sizes &s) {
  const bool all = make.chance(4);
  make.set("divisor", make.chance(2) ? 255 : make.uniform(1, 1000));
  make.indices("x", (all ? s.m : s.k) * s.n, 256, Element::uint8);
  make.last().rows = all ? s.m : s.k, make.last().columns = s.n;
  if (!all) make.indices("rows", s.m, s.k, Element::uint32);
  make.writes("y", s.m, s.n);
}

constexpr void (*makers[])(Maker &, const Sizes &) = {sgemm,
                                                      unpack_weights,
                                                      unpack_weights,
                                                      dense_infer,
                                                      dense_forward,
                                                      dense_backward,
                                                      batch_norm_forward,
                                                      batch_norm_backward,
                                                      fold_batch_norm,
                                                      activation_forward,
                                                      activation_backward,
                                                      softmax_cross_entropy,
                                                      top_k_correct,
                                                      optimizer_step,
                                                      gather,
                                                      softmax,
                                                      elementwise_loss,
                                                      dropout,
                                                      batch_norm_moments,
                                                      batch_norm_merge,
                                                      column_sums};
static_assert(std::size(makers) == LF_OP_COUNT);

double float_of(const std::string &bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(std::stoul(bits, nullptr, 16)));
}

std::vector<double> values_of(const cli::Json &array) {
  const std::string &bits = array.at("bits").text();
  std::vector<double> values;
  for (size_t i = 0; i < bits.size(); i += 8) values.push_back(float_of(bits.substr(i, 8)));
  return values;
}

// The words for the codes that an argument of this name has, or NULL if it has none.
const std::vector<std::string> *words_of(const std::string &name) {
  static const std::vector<std::string> losses = {"squared", "absolute", "huber", "logistic"};
  if (name == "activation") return &activation_names();
  if (name == "optimizer") return &optimizer_names();
  return name == "function" ? &losses : nullptr;
}

double argument_of(const std::string &name, const cli::Json &value) {
  if (!value.is_text()) return value.number();
  if (const auto *words = words_of(name)) return cli::code_of(*words, value.text());
  return float_of(value.text());
}

Element element_of(const std::string &op, const std::string &name) {
  return op == "gather" && name == "x" ? Element::uint8 : Element::float32;
}

GoldenCase golden_case(int32_t op, const cli::Json &json) {
  GoldenCase made{{op, {}, {}}, {}};
  if (const cli::Json *arguments = json.find("args"))
    for (const auto &[name, value] : arguments->members()) {
      if (!value.is_array()) {
        made.given.numbers[name] = argument_of(name, value);
        continue;
      }
      Array list{name, 1,     static_cast<int64_t>(value.size()),
                 true, false, name == "rows" ? Element::uint32 : Element::int32};
      for (const cli::Json &index : value.elements()) list.values.push_back(index.number());
      made.given.arrays.push_back(list);
    }
  for (const auto &[name, array] : json.at("in").members())
    made.given.arrays.push_back({name, array.at("rows").whole(), array.at("columns").whole(), true, false,
                                 element_of(names[op], name), values_of(array)});
  for (const auto &[name, array] : json.at("out").members()) {
    if (!array.is_object()) {
      made.given.arrays.push_back({name, 1, 1, false, true, Element::int64});
      made.results[name] = {array.number()};
      continue;
    }
    made.results[name] = values_of(array);
    if (Array *updated = made.given.find(name)) updated->is_written = true;
    else made.given.arrays.push_back({name, array.at("rows").whole(), array.at("columns").whole(), false, true});
  }
  return made;
}

// A number of a case as the headers name it, such as "LF_TRAINING" or "alpha 0.5"; "" if it says nothing.
std::string text_of(const std::string &name, double value) {
  if (const auto *words = words_of(name); words && value < static_cast<double>(words->size()))
    return (*words)[static_cast<size_t>(value)];
  if (value == 0) return "";
  if (name == "packed") return "packed weights";
  for (const auto &[word, flag] :
       {std::pair("transpose_a", "LF_TRANSPOSE_A"), std::pair("transpose_b", "LF_TRANSPOSE_B"),
        std::pair("training", "LF_TRAINING"), std::pair("logarithm", "LF_LOGARITHM"),
        std::pair("unbiased", "LF_UNBIASED_RUNNING_VAR"), std::pair("of_batch", "LF_BATCH_STATISTICS"),
        std::pair("second_pass", "LF_SECOND_PASS")})
    if (name == word) return flag;
  char text[40];
  const auto end =
      std::to_chars(text, text + sizeof text, static_cast<float>(value)).ptr; // a float, as in the argument struct
  return name + ' ' + std::string(text, end);
}

} // namespace

double Case::number(const std::string &name, double otherwise) const {
  const auto found = numbers.find(name);
  return found == numbers.end() ? otherwise : found->second;
}

const Array *Case::find(const std::string &name) const {
  for (const Array &array : arrays)
    if (array.name == name) return &array;
  return nullptr;
}

const Array &Case::array(const std::string &name) const {
  const Array *found = find(name);
  if (found == nullptr) throw std::logic_error(std::string(operation_name(op)) + " has no array " + name);
  return *found;
}

std::string Case::text() const {
  std::string text = operation_name(op);
  const auto add = [&text](const std::string &word) { text += ", " + word; };
  for (const Array &array : arrays)
    add(array.name + " " + std::to_string(array.rows) + " x " + std::to_string(array.columns) +
        (array.in_place_of.empty() ? "" : " in place of " + array.in_place_of));
  for (const auto &[name, value] : numbers)
    if (const std::string word = text_of(name, value); !word.empty()) add(word);
  return text;
}

const char *operation_name(int32_t op) { return op >= 0 && op < LF_OP_COUNT ? names[op] : "unknown"; }

namespace {

// Makes all numbers of a product small integers, so that every order of the sum gives the same, exact result.
void make_exact(Case &product) {
  constexpr double largest = 3;
  for (Array &array : product.arrays)
    for (double &value : array.values) value = std::round(largest * value);
  for (auto &[name, value] : product.numbers)
    if (name == "activation") value = LF_IDENTITY;
    else value = value < 0 ? std::floor(value) : std::ceil(value); // a factor that was not 0 is not 0 now
  Expected expected = expected_results(product);
  for (auto &[name, intervals] : expected)
    for (Interval &interval : intervals)
      interval.low = interval.high = std::round(interval.low + (interval.high - interval.low) / 2);
  product.known.value = std::move(expected);
}

bool is_product(const Case &given) {
  constexpr int32_t products[] = {LF_OP_SGEMM, LF_OP_DENSE_INFER, LF_OP_DENSE_FORWARD, LF_OP_DENSE_BACKWARD};
  return std::find(std::begin(products), std::end(products), given.op) != std::end(products) &&
         given.find("gamma") == nullptr;
}

std::vector<Case> make_cases(int32_t op, Choice choice) {
  std::vector<Case> cases;
  int64_t index = 0;
  const auto add = [&](const Sizes &sizes, int64_t way) {
    Maker make(op, index++, way);
    makers[op](make, sizes);
    cases.push_back(make.take());
  };
  const auto small = [op, &index](int64_t most) {
    return 1 + static_cast<int64_t>(Stream(20, Purpose::study, static_cast<uint32_t>(op * 10000 + index))
                                        .below(static_cast<uint32_t>(most)));
  };
  if (choice == Choice::small) {
    for (int64_t way = 0; way < LF_ACTIVATION_COUNT; ++way) add({5, 21, 6}, way);
    return cases;
  }
  if (choice == Choice::large) {
    for (const Sizes &sizes : large)
      for (int64_t way = 0; way < LF_ACTIVATION_COUNT; ++way) add(sizes, way);
    for (Case &given : cases)
      if (is_product(given)) make_exact(given);
    return cases;
  }
  if (choice == Choice::apart) {
    for (int64_t way = 0; way < LF_ACTIVATION_COUNT; ++way) add(apart, way);
    return cases;
  }
  // Every size from 1 to 70 in each place, and each way to call.
  for (int64_t size = 1; size <= 70; size += choice == Choice::few ? 13 : 1) {
    add({size, small(20), small(19)}, size);
    add({small(20), size, small(19)}, size + 1);
    add({small(20), small(19), size}, size + 2);
  }

  if (choice == Choice::many) {
    // Each way to call with each number of columns that a vector of 16 leaves over, and with each block.
    for (int64_t rest = 0; rest < 16; ++rest)
      for (int64_t way = 0; way < LF_ACTIVATION_COUNT; ++way) add({small(6), 16 + rest, small(9)}, way);
    for (const Sizes &block : blocks)
      for (int64_t way = 0; way < 4; ++way) add(block, way + (&block - blocks));
  } else {
    for (size_t block = 0; block < blocks_of_few; ++block) add(blocks[block], static_cast<int64_t>(block) + op);
    for (int64_t way = 0; way < LF_ACTIVATION_COUNT; ++way) add({5, 21, 6}, way);
  }
  return cases;
}

} // namespace

const std::vector<Case> &some_cases(int32_t op, Choice choice) {
  static std::vector<Case> made[LF_OP_COUNT][5];
  std::vector<Case> &cases = made[op][static_cast<size_t>(choice)];
  if (cases.empty()) cases = make_cases(op, choice);
  return cases;
}

std::vector<GoldenCase> golden_cases_of(int32_t op) {
  static const cli::Json file = cli::parse_strictly(lanefold_golden_vectors, "golden vectors");
  std::vector<GoldenCase> cases;
  for (const cli::Json &json : file.at("cases").elements())
    if (json.at("op").text() == names[op]) cases.push_back(golden_case(op, json));
  return cases;
}

} // namespace lanefold::trainer::conform
