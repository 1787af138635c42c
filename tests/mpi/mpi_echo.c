// Uses only MPI, to test whether jobs can run on this machine.  Two ranks send each other a message.
#include <mpi.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  enum { bytes = 1 << 20 };
  char *sent = calloc(bytes, 1), *received = calloc(bytes, 1);
  int rank = 0, count = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  if (count != 2 || sent == NULL || received == NULL) MPI_Abort(MPI_COMM_WORLD, 1);
  sent[bytes - 1] = (char)(rank + 1);
  MPI_Sendrecv(sent, bytes, MPI_CHAR, 1 - rank, 0, received, bytes, MPI_CHAR, 1 - rank, 0, MPI_COMM_WORLD,
               MPI_STATUS_IGNORE);
  const int is_right = received[bytes - 1] == 2 - rank;
  MPI_Finalize();
  free(sent), free(received);
  return is_right ? 0 : 1;
}
