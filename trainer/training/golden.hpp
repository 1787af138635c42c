// The golden list: SHA-256 of the parameters after small trainings.  Every plugin, on any number of threads, must give
// these bits.  `lanefold verify` and the tests compare with this one list.
#pragma once

#include "trainer/data/dataset.hpp"
#include "trainer/network/network.hpp"
#include "trainer/training/training.hpp"

#include <array>
#include <string>
#include <vector>

namespace lanefold::trainer {

// The numbers of steps after which the list has a hash, with batches of 200 at the default rate.  An epoch of 60,000
// images has 300 steps, so `lanefold train --epochs 1 FLAGS` prints the last hash.
inline constexpr std::array<int64_t, 3> golden_steps = {3, 100, 300};

struct GoldenCase {
  std::string activation = "elu", initializer = "he-truncated", optimizer = "sgd", batch_norm = "on";
  struct Hashes {
    std::string digits, mnist;
  };
  std::array<Hashes, golden_steps.size()> hashes;

  // The options of `lanefold train` for this case; "" for the reference network.
  std::string flags() const;
};

// The reference network, then networks that each differ from it in one thing.
const std::vector<GoldenCase> &golden_cases();

// The hash of the list for these images, which it recognizes by their bytes; "" if it has none.
std::string golden_hash(const GoldenCase &golden, const Samples &images, int64_t steps);

// SHA-256 over the flags and hashes of the list.
std::string golden_fingerprint();

// What the case trains.
Description description_of(const GoldenCase &golden, int64_t features);
TrainOptions options_of(const GoldenCase &golden);

// Trains for the first `count` of golden_steps, and returns the hash after each.  Throws DataError if 20 epochs have
// fewer steps.
std::vector<std::string> train_golden(const Context &context, const Dataset &data, const GoldenCase &golden,
                                      size_t count);

// The SHA-256 of pixels and labels, in hexadecimal.
std::string sha256(const Samples &images);

} // namespace lanefold::trainer
