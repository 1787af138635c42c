// Joins an MPI job.  Only mpi_job.cpp knows MPI.  A program without MPI links no_mpi_job.cpp in its place.
#pragma once

#include "trainer/distributed/job.hpp"

namespace lanefold::trainer {

// Whether this program has MPI.
bool has_mpi();

// Initializes MPI.  The Job finalizes it.  Throws std::runtime_error if this program has no MPI, or if MPI and the
// launcher disagree about the rank or the number of ranks.  Such processes would train without knowing of each other.
std::unique_ptr<Job> join_mpi(const Launch &launch);

} // namespace lanefold::trainer
