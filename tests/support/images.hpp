// Samples that tests make, files in MNIST's format that hold them, and the folder with the published data sets.
#pragma once

#include "files.hpp"
#include "trainer/data/dataset.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace lanefold::test {

inline constexpr uint32_t images_magic = 0x803, labels_magic = 0x801;

// The bytes of an IDX file: numbers of 4 bytes, most significant byte first, and then the payload.
std::string idx(const std::vector<uint32_t> &header, const std::string &payload);

// Samples whose classes differ clearly.  A pixel is bright if its index has the label's residue modulo ten; the other pixels
// are noise.
trainer::Samples make_images(int64_t count, int64_t side, uint64_t seed);

std::string images_file(const trainer::Samples &images);
std::string labels_file(const trainer::Samples &images);

// Writes the four files, uncompressed, under the names that MNIST gives them.
void write_idx(const TemporaryFolder &folder, const trainer::Samples &train, const trainer::Samples &test);

bool equal(const trainer::Pixels &a, const trainer::Pixels &b);

// The folder of the published data sets.  Without one the result is empty, and the test says that it skips.
std::string real_data();

} // namespace lanefold::test
