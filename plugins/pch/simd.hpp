// Precompiled: what takes most of the time to parse, and changes least.
#include <xsimd/xsimd.hpp>

#include <array>
#include <cstring>
#include <utility>
