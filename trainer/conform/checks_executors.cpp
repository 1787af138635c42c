// Checks of the order in which tasks run, and of calls at the same time.
#include "trainer/conform/conform.hpp"
#include "trainer/conform/process_state.hpp"

#include <lanefold/lanefold.h>

#include <algorithm>
#include <cstddef>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <mutex>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <thread>

namespace lanefold::trainer::conform {
namespace {

constexpr unsigned forbidden_calls[] = {
    __NR_clone,
    __NR_clone3,
#if defined(__x86_64__)
    __NR_fork,
    __NR_vfork,
#endif
};

template <Order order> std::string order_text() {
  return order == Order::serial     ? ", tasks in ascending order"
         : order == Order::reversed ? ", tasks in descending order"
         : order == Order::shuffled ? ", tasks in random order"
                                    : ", tasks on many threads";
}

template <Order order> void in_order(Opened &module, Findings &findings) {
  for (const int32_t threads : {1, 3, 16}) // that the plugin is told
    for (const Case &given : cases_of(module.subject, Choice::few)) {
      CallOptions options;
      options.host.order = order, options.host.threads = threads;
      expect_right(module.subject, given, options, results,
                   order_text<order>() + ", told of " + std::to_string(threads) + " threads", findings);
      if (findings.full()) return;
    }
}

// Between two tasks, the calling thread makes another call of the same operation.  This happens in a pool where a
// waiting thread takes other work.
void nested(Opened &module, Findings &findings) {
  const Subject &subject = module.subject;
  for (const int32_t op : subject.operations) {
    Cases cases;
    for (const Case &given : some_cases(op, Choice::few))
      if (subject.serves(given)) cases.push_back(given);
    for (size_t i = 0; i < cases.size(); ++i) {
      CallOptions options;
      options.host.order = Order::nested;
      options.host.other_call = [&] {
        expect_right(subject, cases[(i + 1) % cases.size()], {}, results, ", inside another call", findings);
      };
      expect_right(subject, cases[i], options, results, ", with another call inside", findings);
      if (findings.full()) return;
    }
  }
}

// The cases of an operation that take longest: only they overlap for a while.
Cases longest_cases(const Subject &subject, int32_t op, size_t count, bool (*is_wanted)(const Case &)) {
  Cases cases;
  for (const Case &given : some_cases(op, Choice::many))
    if (subject.serves(given) && is_wanted(given)) cases.push_back(given);
  const auto work = [](const Case &given) {
    int64_t elements = 1;
    for (const Array &array : given.arrays) elements += array.rows * array.columns;
    return elements;
  };
  std::stable_sort(cases.begin(), cases.end(),
                   [&](const Case &one, const Case &other) { return work(one) > work(other); });
  Cases longest;
  for (const Case &given : cases)
    if (longest.size() < count && call(subject, given).status == LF_OK) longest.push_back(given);
  return longest;
}

// Four threads make these calls at the same time, each in a different order.
void call_from_threads(const Subject &subject, const Cases &cases, const CallOptions &options, const std::string &where,
                       Findings &findings) {
  constexpr size_t callers = 4;
  for (const Case &given : cases) expected_results(given); // the threads only read them
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (size_t t = 0; t < callers && !cases.empty(); ++t)
    threads.emplace_back([&, t] {
      for (size_t round = 0; round < 8; ++round) {
        const Case &given = cases[(t + round) % cases.size()];
        const Outcome outcome = call(subject, given, options);
        const std::string wrong = outcome.status == LF_OK ? wrong_result(given, outcome)
                                                          : "it returns " + std::string(lf_status_name(outcome.status));
        if (wrong.empty()) continue;
        const std::lock_guard lock(mutex);
        return findings.add_wrong_results(given.op, wrong + " when four threads call" + where + ": " + given.text());
      }
    });
  for (std::thread &thread : threads) thread.join();
}

void concurrent(Opened &module, Findings &findings) {
  for (const int32_t op : module.subject.operations) {
    const auto any = [](const Case &) { return true; };
    call_from_threads(module.subject, longest_cases(module.subject, op, 4, any), {}, "", findings);
    if (findings.full()) return;
  }
}

// All threads share the packed weights of one case, and each thread has inputs of its own.
void shared_packing(Opened &module, Findings &findings) {
  const Subject &subject = module.subject;
  const auto reads_packed = [](const Case &given) {
    return (given.op <= LF_OP_DENSE_INFER || given.number("packed") != 0) && given.find("updated_w") == nullptr;
  };
  for (const int32_t op : {LF_OP_UNPACK_WEIGHTS, LF_OP_DENSE_INFER, LF_OP_DENSE_FORWARD, LF_OP_DENSE_BACKWARD})
    for (const Case &given : longest_cases(subject, op, 2, reads_packed)) {
      CallOptions options;
      const std::unique_ptr<Memory> packed = pack(subject, given);
      options.packed = packed.get();
      std::vector<Case> variants(4, given);
      for (size_t i = 0; i < variants.size(); ++i)
        if (Array *x = variants[i].find(op == LF_OP_DENSE_BACKWARD ? "dy" : "x"))
          for (double &value : x->values) value /= static_cast<double>(1 << i);
      if (packed != nullptr)
        call_from_threads(subject, {variants.begin(), variants.end()}, options, " with shared packed weights",
                          findings);
      if (findings.full()) return;
    }
}

// From now on, a system call that starts a thread or a process ends this process, after a report.  Returns false where
// the kernel, or an emulator, does not let a process forbid its own calls.
bool forbid_new_threads() {
  report_forbidden_call();
  std::vector<sock_filter> program = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const unsigned call : forbidden_calls) {
    program.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter = {static_cast<unsigned short>(program.size()), program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// The check ignores threads that a library started when it was opened.
void starts_no_threads(Opened &module, Findings &findings) {
  const bool forbidden = forbid_new_threads();
  const int before = count_threads();
  for (const Case &given : cases_of(module.subject, Choice::few)) {
    call(module.subject, given);
    if (const int now = count_threads(); now > before)
      return findings.add("it starts " + std::to_string(now - before) + " threads: " + given.text());
  }
  if (!forbidden)
    findings.note(std::string(not_run_note) +
                  "new threads cannot be forbidden here, so one that has ended would not show");
}

} // namespace

std::vector<Check> executor_checks() {
  return {
      {"executors", "serial", "Tasks may run one after the other, on the calling thread.", Check::calls,
       in_order<Order::serial>},
      {"executors", "reversed", "Tasks may run in descending order.", Check::calls, in_order<Order::reversed>},
      {"executors", "shuffled", "Tasks may run in any order.", Check::calls, in_order<Order::shuffled>},
      {"executors", "wide", "Tasks may run on more threads than lf_host says, and none on the calling thread.",
       Check::calls, in_order<Order::wide>},
      {"executors", "nested", "The calling thread may make another call between two tasks.", Check::calls, nested},
      {"executors", "concurrent", "Several threads may call at the same time.", Check::calls, concurrent},
      {"executors", "shared-packing", "Several threads may use the same packed weights at the same time.", Check::calls,
       shared_packing},
      {"executors", "own-threads", "The plugin starts no threads.", Check::calls, starts_no_threads},
  };
}

} // namespace lanefold::trainer::conform
