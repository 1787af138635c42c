// Precompiled: what takes most of the time to parse, and changes least.
#include "kernels/compiler_flags.h"

#include <xsimd/xsimd.hpp>

#include <array>
#include <cstring>
#include <utility>
