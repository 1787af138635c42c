// In place of mpi_job.cpp, in a program without MPI.
#include "trainer/distributed/mpi_job.hpp"

namespace lanefold::trainer {

bool has_mpi() { return false; }

std::unique_ptr<Job> join_mpi(const Launch &) { throw std::runtime_error("this build has no MPI"); }

} // namespace lanefold::trainer
