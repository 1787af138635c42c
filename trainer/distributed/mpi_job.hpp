// Joins an MPI job.  Nothing else in the tree knows MPI.
#pragma once

#include "trainer/distributed/job.hpp"

namespace lanefold::trainer {

// Initializes MPI.  The job ends it.  Throws std::runtime_error if MPI knows other ranks than the launcher: they would not
// know of each other.
std::unique_ptr<Job> join_mpi(const Launch &launch);

} // namespace lanefold::trainer
