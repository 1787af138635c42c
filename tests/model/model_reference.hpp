// Computes what a Model stands for, in double precision and with the plainest loops.
#pragma once

#include "model/model.hpp"

namespace lanefold::test {

// x: rows x features.  The result: rows x outputs.
std::vector<double> evaluate(const model::Model &model, std::vector<double> x, int64_t rows);

} // namespace lanefold::test
