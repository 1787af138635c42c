// Each rank is a fiber with its own stack.  It runs until it waits for a message that was not sent yet, or until another
// rank is so far behind that its messages could arrive before now.
#include "trainer/distributed/simulated_ranks.hpp"

#include <algorithm>
#include <deque>
#include <exception>
#include <queue>
#include <unordered_map>

#include <sys/mman.h>
#include <ucontext.h>

namespace lanefold::trainer {

// Runs the fibers.
class Simulation {
public:
  Simulation(const Cluster &cluster, const TaskSeconds &task_seconds) : cluster(cluster), task_seconds(task_seconds) {
    for (int rank = 0; rank < cluster.ranks; ++rank) fibers_.emplace_back(rank, *this);
  }

  void run(const std::function<void(SimulatedRanks &)> &program) {
    program_ = &program;
    for (Fiber &fiber : fibers_) {
      getcontext(&fiber.context);
      fiber.context.uc_stack.ss_sp = fiber.stack.memory, fiber.context.uc_stack.ss_size = Stack::size;
      fiber.context.uc_link = &scheduler_;
      const auto address = reinterpret_cast<uintptr_t>(&fiber);
      makecontext(&fiber.context, reinterpret_cast<void (*)()>(&Simulation::begin), 2,
                  static_cast<unsigned>(address >> 32), static_cast<unsigned>(address));
      ready_.push({0, fiber.ranks.rank()});
    }
    while (!ready_.empty()) {
      const int rank = ready_.top().second;
      ready_.pop();
      resume(fibers_[static_cast<size_t>(rank)]);
    }
    // Fibers that are left wait for ever.  They end by an exception, so that nothing of theirs is lost.
    const bool is_stuck = std::any_of(fibers_.begin(), fibers_.end(), [](const Fiber &f) { return !f.is_done; });
    ends_ = true;
    for (Fiber &fiber : fibers_)
      if (!fiber.is_done) resume(fiber);
    if (error_ != nullptr) std::rethrow_exception(error_);
    if (is_stuck) throw std::logic_error("the simulated ranks wait for each other");
  }

  // The messages of a channel from one rank to another.
  struct Message {
    double arrival, size;
  };
  struct Queue {
    std::deque<Message> messages;
    size_t first = 0, expected = 0; // the number of messages.front(), and of the next receive
  };
  struct Transfer {
    Queue *queue; // NULL: a send
    size_t number;
    double done, size; // when a send is done
    Channel channel;
  };

  Ranks::Transfer open(const Transfer &transfer) {
    transfers_[++last_] = transfer;
    return last_;
  }
  Transfer *find(Ranks::Transfer transfer) {
    const auto at = transfers_.find(transfer);
    return at == transfers_.end() ? nullptr : &at->second;
  }
  void close(Ranks::Transfer transfer) { transfers_.erase(transfer); }

  Queue &queue(int from, int to, Channel channel) {
    const auto pair = static_cast<uint64_t>(from) * static_cast<uint64_t>(cluster.ranks) + static_cast<uint64_t>(to);
    return queues_[pair * channels + static_cast<uint64_t>(channel)];
  }

  // Lets the ranks run that are more than `ahead` seconds behind.
  void let_others_run(SimulatedRanks &ranks, double ahead) {
    if (ends_) throw RankError("the simulation has ended");
    if (ready_.empty() || ready_.top().first + ahead >= ranks.time_.seconds) return;
    ready_.push({ranks.time_.seconds, ranks.rank()});
    pause(ranks);
  }
  void pause_until_message(SimulatedRanks &ranks, const Queue &queue) {
    fibers_[static_cast<size_t>(ranks.rank())].awaits = &queue;
    pause(ranks);
  }

  // Returns when the sender's memory is free.
  double carry(const SimulatedRanks &from, int to, Queue &queue, double size) {
    Fiber &sender = fibers_[static_cast<size_t>(from.rank())], &receiver = fibers_[static_cast<size_t>(to)];
    const double seconds = size / cluster.bandwidth, begin = std::max(from.time_.seconds, sender.sends_until);
    sender.sends_until = begin + seconds;
    receiver.receives_until = std::max(begin + cluster.latency, receiver.receives_until) + seconds;
    queue.messages.push_back({receiver.receives_until, size});
    if (receiver.awaits == &queue) {
      receiver.awaits = nullptr;
      ready_.push({std::max(receiver.ranks.time_.seconds, receiver.receives_until), to});
    }
    return sender.sends_until;
  }

  const Cluster &cluster;
  const TaskSeconds &task_seconds;

private:
  // Pages that are not used take no memory.  Those at the lower end may not be used.
  struct Stack {
    static constexpr size_t size = 1 << 18, guard = 1 << 16;
    Stack() : memory(mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {
      if (memory == MAP_FAILED || mprotect(memory, guard, PROT_NONE) != 0) throw std::bad_alloc();
    }
    ~Stack() { munmap(memory, size); }
    Stack(const Stack &) = delete;
    Stack &operator=(const Stack &) = delete;
    void *const memory;
  };
  struct Fiber {
    Fiber(int rank, Simulation &simulation) : simulation(simulation), ranks(rank, simulation) {}
    Simulation &simulation;
    SimulatedRanks ranks;
    Stack stack;
    ucontext_t context;
    const Queue *awaits = nullptr;
    double sends_until = 0, receives_until = 0;
    bool is_done = false;
  };

  static void begin(unsigned high, unsigned low) {
    Fiber &fiber = *reinterpret_cast<Fiber *>(static_cast<uintptr_t>(high) << 32 | low);
    Simulation &simulation = fiber.simulation;
    try {
      (*simulation.program_)(fiber.ranks);
    } catch (...) {
      if (simulation.error_ == nullptr && !simulation.ends_) simulation.error_ = std::current_exception();
    }
    fiber.is_done = true;
  }
  void resume(Fiber &fiber) { swapcontext(&scheduler_, &fiber.context); }
  void pause(const SimulatedRanks &ranks) {
    swapcontext(&fibers_[static_cast<size_t>(ranks.rank())].context, &scheduler_);
    if (ends_) throw RankError("the simulation has ended");
  }

  std::deque<Fiber> fibers_;
  ucontext_t scheduler_;
  using Turn = std::pair<double, int>; // a clock and its rank
  std::priority_queue<Turn, std::vector<Turn>, std::greater<>> ready_;
  std::unordered_map<uint64_t, Queue> queues_;
  std::unordered_map<Ranks::Transfer, Transfer> transfers_;
  Ranks::Transfer last_ = 0;
  const std::function<void(SimulatedRanks &)> *program_ = nullptr;
  std::exception_ptr error_;
  bool ends_ = false;
};

SimulatedRanks::SimulatedRanks(int rank, Simulation &simulation)
    : Ranks(rank, simulation.cluster.ranks), simulation_(simulation) {}

bool SimulatedRanks::begins(const StepTask &task) {
  spend(simulation_.task_seconds(rank(), task));
  return false;
}

void SimulatedRanks::spend_on_message(double size) {
  const double seconds = simulation_.cluster.overhead + simulation_.cluster.copying * size;
  time_.seconds += seconds, time_.messages += seconds;
}

void SimulatedRanks::sleep_until(double seconds) { time_.seconds = std::max(time_.seconds, seconds); }

Ranks::Transfer SimulatedRanks::send(int to, Channel channel, const void *, size_t bytes) {
  const auto size = static_cast<double>(bytes);
  simulation_.let_others_run(*this, 0); // messages meet in the order in which they are sent
  count_sent(bytes);
  spend_on_message(size);
  const double done = simulation_.carry(*this, to, simulation_.queue(rank(), to, channel), size);
  return simulation_.open({nullptr, 0, done, size, channel});
}

Ranks::Transfer SimulatedRanks::receive(int from, Channel channel, void *, size_t size) {
  Simulation::Queue &queue = simulation_.queue(from, rank(), channel);
  return simulation_.open({&queue, queue.expected++, 0, static_cast<double>(size), channel});
}

bool SimulatedRanks::is_done(Transfer transfer) {
  const Simulation::Transfer *const one = simulation_.find(transfer);
  if (one == nullptr) return true;
  simulation_.let_others_run(*this, simulation_.cluster.latency);
  if (one->queue == nullptr) {
    if (one->done > time_.seconds) return false;
  } else {
    Simulation::Queue &queue = *one->queue;
    const size_t index = one->number - queue.first;
    if (index >= queue.messages.size() || queue.messages[index].arrival > time_.seconds) return false;
    if (queue.messages[index].size != one->size) throw RankError("a message has another size than expected");
    if (index == 0) queue.messages.pop_front(), ++queue.first;
    spend_on_message(one->size);
  }
  simulation_.close(transfer);
  return true;
}

void SimulatedRanks::wait(Transfer transfer) {
  if (is_done(transfer)) return;
  const Simulation::Transfer one = *simulation_.find(transfer);
  double until = one.done;
  if (one.queue != nullptr) {
    const size_t index = one.number - one.queue->first;
    while (index >= one.queue->messages.size()) simulation_.pause_until_message(*this, *one.queue);
    until = one.queue->messages[index].arrival;
  }
  time_.waits[static_cast<size_t>(one.channel)] += std::max(0.0, until - time_.seconds);
  time_.seconds = std::max(time_.seconds, until);
  if (!is_done(transfer)) throw std::logic_error("a simulated transfer does not end");
}

void simulate(const Cluster &cluster, const TaskSeconds &task_seconds,
              const std::function<void(SimulatedRanks &)> &program) {
  Simulation(cluster, task_seconds).run(program);
}

} // namespace lanefold::trainer
