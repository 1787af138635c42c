// The system calls that saving makes, each of which can be made to fail.
#pragma once

namespace lanefold::test {

// Makes the n-th call from now on (from 0) of open, mkostemp, write, fsync, close and rename fail with `error`.  An error of
// 0 cuts a write short instead.  With a negative n no call fails.
void fail_call(int n, int error);
// The number of calls since fail_call, and the name of the call that failed, or "".
int calls_made();
const char *failed_call();

} // namespace lanefold::test
