// Data of any kind, from what a user names.
#pragma once

#include "trainer/data/dataset.hpp"
#include "trainer/data/table.hpp"

#include <optional>

namespace lanefold::trainer {

struct DataOptions {
  std::string path;          // a folder of IDX files, a file of another kind, or "digits"; "": the built-in digits
  std::string test;          // a table of test rows; "": rows of `path` that the seed draws
  double validation = 0.1;   // their share
  bool redraws_test = false; // draws test samples even if the data have some of their own
  std::vector<std::string> targets; // the columns to predict: names or numbers; empty: the last one
  std::string target_file;          // a table whose columns are the targets; "": they are columns of `path`
  std::optional<Task> task;         // without a value, it is guessed
  bool fills_missing = false;
  uint64_t most_loaded = most_loaded_bytes(); // larger .npy files stay files
  CsvOptions csv;
};

// What a path names: a table is a CSV or .npy file, an archive an .npz file, and images one IDX file.
enum class DataKind { digits, folder, archive, images, table };
DataKind kind_of(const std::string &path);

// Loads a folder of IDX files, or the built-in digits if the path is "" or "digits".  Throws DataError.
Dataset load_images(const std::string &path);

// Loads training and test samples of any kind.  Throws DataError.
Dataset load(const DataOptions &options, uint64_t seed);

// Loads test samples for a model with this schema; NULL: a model that says nothing of its data.  Rows without labels
// have the label -1, if `need` allows them.  Throws DataError.
enum class Need { features, labels };
Dataset load_test(const DataOptions &options, const Schema *schema, Need need);

// The mean and variance of each feature over the samples, for --standardize.  Throws DataError if a variance is too
// small or too large for that.
struct Moments {
  std::vector<float> mean, var;
};
Moments moments_of(const Samples &samples, const Schema &schema);

} // namespace lanefold::trainer
