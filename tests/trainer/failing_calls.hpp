// The system calls that saving makes, each of which can be made to fail.
#pragma once

namespace lanefold::test {

// From now on the n-th (from 0) of open, mkostemp, write, fsync, close and rename of this process fails with `error`, or
// is cut short if that is 0 and it is a write; a negative n: none.
void fail_call(int n, int error);
// How many there were since fail_call; and the name of the one that failed, "" if none did.
int calls_made();
const char *failed_call();

} // namespace lanefold::test
