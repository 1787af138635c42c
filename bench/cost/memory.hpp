// Memory whose addresses follow from the program alone.
#pragma once

namespace lanefold::bench {

// From now on, `new` gives this process the next free cache line of one large block, and memory is not reused.  Which
// operand comes first and where its lines begin then depends neither on earlier allocations nor on the environment.
// Throws std::bad_alloc.
void allocate_in_order();

} // namespace lanefold::bench
