// What training must give to the last bit: SHA-256 of the parameters of small runs, the same on every instruction set
// and number of threads.  One list, against which `lanefold verify` and the tests hold every plugin.
#pragma once

#include "trainer/data/dataset.hpp"
#include "trainer/network/network.hpp"
#include "trainer/training/training.hpp"

#include <array>
#include <string>
#include <vector>

namespace lanefold::trainer {

// After so many steps of batches of 200 at the default rate.  60,000 images make 300 steps: the last hash is also what
// `lanefold train --epochs 1 FLAGS` prints.
inline constexpr std::array<int64_t, 3> golden_steps = {3, 100, 300};

struct GoldenCase {
  std::string activation = "elu", initializer = "he-truncated", optimizer = "sgd", batch_norm = "on";
  struct Hashes {
    std::string digits, mnist;
  };
  std::array<Hashes, golden_steps.size()> hashes;

  // As options of `lanefold train`; "" for the reference network.
  std::string flags() const;
};

// The reference network, then each with one thing changed.
const std::vector<GoldenCase> &golden_cases();

// The hash that the list has for these images (recognized by their bytes); "" if it has none.
std::string golden_hash(const GoldenCase &golden, const Images &images, int64_t steps);

// SHA-256 over the flags and hashes of the list.
std::string golden_fingerprint();

// What the case trains with.
Description description_of(const GoldenCase &golden, int64_t features);
TrainOptions options_of(const GoldenCase &golden);

// Trains for the first `count` of golden_steps, and gives the hash after each.  Throws DataError if 20 epochs have
// fewer.
std::vector<std::string> train_golden(const Context &context, const Dataset &data, const GoldenCase &golden,
                                      size_t count);

// SHA-256 of pixels and labels, in hexadecimal.
std::string sha256(const Images &images);

} // namespace lanefold::trainer
