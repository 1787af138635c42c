// The class Context, the default context, and the exceptions of the library.
#include "context.hpp"

#include "call.hpp"
#include "classes.hpp"

#include <exception>

namespace lanefold::python {
namespace {

// They live as long as the process: threads may still use them when the interpreter ends.
PyObject *error_type, *invalid_argument_type;
PyTypeObject *context_type;

std::shared_ptr<LiveContext> create_context(int64_t threads, const std::string &isa, const std::string &plugin_path,
                                            const py::object &executor, const py::object &log, bool quiet) {
  constexpr const char *call = "Context";
  auto live = std::make_shared<LiveContext>();
  lf_context_options options{};
  options.struct_size = sizeof options;
  options.flags = quiet ? LF_QUIET : 0;
  options.isa = isa.empty() ? nullptr : isa.c_str();
  options.plugin_path = plugin_path.empty() ? nullptr : plugin_path.c_str();
  if (!executor.is_none()) {
    if (PyCallable_Check(executor.ptr()) == 0)
      refuse_type(call, "executor", executor.ptr(),
                  "a callable such as lanefold.ThreadPool, called with (count, task)");
    if (threads == 0)
      if (const py::object own = attribute_or_null(executor.ptr(), "threads"))
        threads = whole_from(call, "executor.threads", own.ptr());
    if (threads < 1 || threads > 4096)
      refuse_value(call, "threads is " + std::to_string(threads) +
                             "; expected how many tasks the executor runs at once, 1 to 4096");
    live->executor = std::make_unique<Executor>(executor, static_cast<int32_t>(threads));
    options.executor = live->executor->get();
  } else if (threads < 0 || threads > 4096) {
    refuse_value(call, "threads is " + std::to_string(threads) + "; expected 1 to 4096, or 0 for one for each CPU");
  }
  options.threads = static_cast<int32_t>(threads);
  if (!log.is_none()) {
    if (PyCallable_Check(log.ptr()) == 0)
      refuse_type(call, "log", log.ptr(), "a callable such as logging.getLogger().log, called with (level, message)");
    live->log = std::make_unique<Log>(log);
    options.log = Log::write, options.log_self = live->log.get();
  }
  const lf_status status = lf_context_create(&options, &live->context);
  if (status != LF_OK) refuse_status(status, "Context", lf_last_error(nullptr));
  return live;
}

Context &default_context() {
  static Context &context = *[] {
    auto *made = new Context(create_context(0, "", "", py::none(), py::none(), false));
    made->stay_open();
    return made;
  }();
  return context;
}

Context *make_context(const Arguments &given) {
  enum { threads_, isa_, plugin_path_, executor_, log_, quiet_ };
  return new Context(create_context(given.whole(threads_, 0), given.text(isa_), given.path(plugin_path_),
                                    given.object(executor_), given.object(log_), given.flag(quiet_)));
}

std::string text_of(lf_status (*write)(char *, uint64_t, uint64_t *)) {
  uint64_t size = 0;
  write(nullptr, 0, &size);
  std::string text(size, '\0');
  write(text.data(), size, nullptr);
  text.pop_back();
  return text;
}

py::object plugins(const Arguments &given) {
  enum { isa_, plugin_path_ };
  const std::string isa = given.text(isa_), plugin_path = given.path(plugin_path_);
  lf_context_options options{};
  options.struct_size = sizeof options;
  options.isa = isa.empty() ? nullptr : isa.c_str();
  options.plugin_path = plugin_path.empty() ? nullptr : plugin_path.c_str();
  struct Found {
    py::list list;
    std::exception_ptr raised; // no exception may propagate through the library
  } found;
  const auto visit = [](void *self, const lf_plugin_candidate *c) {
    auto *const found = static_cast<Found *>(self);
    try {
      // This decodes a path as os.fsdecode() does.
      const auto path = py::reinterpret_steal<py::object>(PyUnicode_DecodeFSDefault(c->path));
      found->list.append(result_types.plugin(string_of(c->name), string_of(c->vendor), path, string_of(c->needs),
                                             c->priority, c->usable != 0, c->taken != 0, string_of(c->reason)));
    } catch (...) {
      found->raised = std::current_exception();
    }
  };
  const lf_status status = lf_enumerate_plugins(&options, visit, &found);
  if (found.raised) std::rethrow_exception(found.raised);
  if (status != LF_OK) refuse_status(status, given.call(), lf_last_error(nullptr));
  return found.list;
}

py::object get_default_context(const Arguments &) {
  return py::cast(default_context(), py::return_value_policy::reference);
}

py::object cpu(const Arguments &) { return string_of(text_of(lf_describe_cpu)); }

std::string version_text() {
  const int32_t number = lf_version();
  return std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." + std::to_string(number % 100);
}

} // namespace

void Context::close() {
  if (stays_open_)
    refuse_value("Context.close", "this is the default context, which stays open; expected one of your own");
  live_.reset();
}

const std::shared_ptr<LiveContext> &Context::live(const char *call) const {
  if (closed()) refuse_value(call, "context is closed; expected an open lanefold.Context");
  return live_;
}

const std::shared_ptr<LiveContext> &context_of(const char *call, PyObject *given) {
  if (given == nullptr) return default_context().live(call);
  if (PyObject_TypeCheck(given, context_type) == 0) refuse_type(call, "context", given, "a lanefold.Context, or None");
  return py::cast<Context &>(py::handle(given)).live(call);
}

void refuse_status(lf_status status, const char *call, std::string message) {
  // The library's messages begin with the name of the C function.
  if (const size_t colon = message.find(": "); message.compare(0, 3, "lf_") == 0 && colon != std::string::npos)
    message.erase(0, colon + 2);
  message = std::string(call) + ": " + message;
  if (status == LF_OUT_OF_MEMORY) PyErr_SetString(PyExc_MemoryError, message.c_str());
  else {
    const py::handle type(status == LF_INVALID_ARGUMENT ? invalid_argument_type : error_type);
    py::object error = type(string_of(message));
    error.attr("status") = lf_status_name(status);
    PyErr_SetObject(type.ptr(), error.ptr());
  }
  throw py::error_already_set();
}

void define_context(py::module_ &module) {
  const auto define = [&](const char *name, const char *documentation, const py::object &bases) {
    PyObject *type =
        PyErr_NewExceptionWithDoc((std::string("lanefold.") + name).c_str(), documentation, bases.ptr(), nullptr);
    if (type == nullptr) throw py::error_already_set();
    module.attr(name) = py::reinterpret_borrow<py::object>(type);
    return type;
  };
  error_type = define("Error", R"(A call that the library refuses or cannot carry out.  The attribute `status` is the
name of its status, such as 'LF_NOT_FOUND'.)",
                      py::reinterpret_borrow<py::object>(PyExc_RuntimeError));
  invalid_argument_type = define(
      "InvalidArgument", R"(An argument that the library refuses, such as an output that overlaps an input.  It is a
ValueError, too, like the errors that the Python package finds before the call.)",
      py::make_tuple(py::handle(error_type), py::handle(PyExc_ValueError)));

  constexpr const char *documentation =
      R"(Context(threads=0, *, isa=None, plugin_path=None, executor=None, log=None, quiet=False)
--

Chooses kernels and threads for calls.

threads      the most tasks of a call that run at once, 1 to 4096; 0: one for each CPU that the process may use
isa          the plugin to use, such as 'avx2'; None: LANEFOLD_ISA names it, or the best one is chosen
plugin_path  absolute folders with more plugins, separated by ':'; None: LANEFOLD_PLUGIN_PATH
executor     a callable executor(count, task) that runs tasks on threads of your own, such as a
             lanefold.ThreadPool; `threads`, or its attribute of that name, says how many tasks it runs at once
log          a callable log(level, message), such as logging.getLogger('lanefold').log, that receives the library's
             messages; None: the library prints warnings, once in a process
quiet        print no warnings, such as the one that a better plugin for this CPU is missing

Calls without `context` share a default one.  Any number of threads may use a context at the same time.  A
context can be closed at any time, also by `with`.  Calls that are running then end as usual, and later ones raise
ValueError.

>>> with lanefold.Context(threads=1) as context:
...     c = lanefold.sgemm(a, b, context=context)
>>> context.closed
True
)";
  py::class_<Context> type(module, "Context", documentation, py::is_final(), collected<Context>());
  context_type = reinterpret_cast<PyTypeObject *>(type.ptr());
  type.attr("__module__") = "lanefold";
  define_constructor<make_context>(type, documentation);
  define_close(type, "close($self)\n--\n\nCloses the context.  Closing it again does nothing.");
  type.def_property_readonly("closed", &Context::closed, "Whether the context is closed.");
  type.def_property_readonly(
      "isa", [](const Context &self) { return string_of(lf_context_isa(self.live("Context.isa")->context)); },
      "The name of the plugin in use, such as 'avx512'.");
  type.def_property_readonly(
      "isa_reason",
      [](const Context &self) { return string_of(lf_context_isa_reason(self.live("Context.isa_reason")->context)); },
      "Why this plugin was chosen and, if a better one is missing, the cure.");
  type.def_property_readonly(
      "threads", [](const Context &self) { return lf_context_threads(self.live("Context.threads")->context); },
      "The most tasks of a call that run at once.");
  type.def("__repr__", [](const Context &self) -> std::string {
    if (self.closed()) return "<lanefold.Context, closed>";
    const lf_context *context = self.live("Context")->context;
    const std::string threads = std::to_string(lf_context_threads(context));
    return std::string("<lanefold.Context isa='") + lf_context_isa(context) + "' threads=" + threads + ">";
  });

  Function<get_default_context>::define(module, R"(default_context()
--

Returns the context of calls that name none.  The first use makes it, and it stays open.)");
  Function<cpu>::define(module, R"(cpu()
--

Returns the name of the CPU, and the features that the operating system lets programs use.)");
  Function<plugins>::define(module, R"(plugins(*, isa=None, plugin_path=None)
--

Returns the plugins that a Context with these arguments would consider, the best one first.  Each says why it
would be used or passed over.

>>> lanefold.plugins()[-1].name
'portable'
)");
  module.attr("__version__") = version_text();
}

} // namespace lanefold::python
