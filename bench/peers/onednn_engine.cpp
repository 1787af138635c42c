// Version 2 describes an operation in an opaque struct, so any memory that is large enough works.  Version 3 creates the
// primitive descriptor directly.  Both take the address of a memory descriptor.
#include "onednn_engine.hpp"

#include <lanefold/activation.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <new>

namespace lanefold::bench::onednn {
namespace {

constexpr int f32 = 3, any_tag = 1, cpu = 1, backward = 128, binary_add = 0x1fff0;
constexpr size_t opaque_bytes = 16384; // the largest struct of version 2 has 5584
constexpr std::align_val_t line{64};

using Opaque = std::array<std::byte, opaque_bytes>;

void check(int status, const std::string &what) {
  if (status != 0) throw std::runtime_error("oneDNN: " + what + " returns status " + std::to_string(status));
}

struct Version { // the beginning of dnnl_version_t
  int major, minor, patch;
};

const Version &version_of(const Library &library) { return *library.find<const Version *()>("dnnl_version")(); }

// dnnl_eltwise_..._use_dst_for_bwd
int trained_algorithm(int32_t activation) { return activation == LF_RELU ? 0x100 : 0x102; }

// alpha of ELU, or the derivative of ReLU below 0.
float alpha_of(int32_t activation) { return activation == LF_ELU ? 1.0f : 0.0f; }

const void *address(const Layout &layout) { return layout.description.get(); }

} // namespace

Engine::Engine(Library library) : library_(std::move(library)) {
  major_ = version_of(library_).major;
  const int minor = version_of(library_).minor;
  if (major_ < 2 || major_ > 3 || (major_ == 2 && minor < 6))
    throw std::runtime_error("oneDNN " + version() + " is not supported; expected 2.6 to 3");
  check(library_.find<int(void **, int, size_t)>("dnnl_engine_create")(&engine_, cpu, 0), "dnnl_engine_create");
  check(library_.find<int(void **, void *, unsigned)>("dnnl_stream_create")(&stream_, engine_, 1),
        "dnnl_stream_create");
  // Otherwise a process makes the code of each primitive once, and its place in memory decides all rounds.
  library_.find<int(int)>("dnnl_set_primitive_cache_capacity")(0);
  execute_ = library_.find<int(void *, void *, int, const Call::Argument *)>("dnnl_primitive_execute");
  wait_ = library_.find<int(void *)>("dnnl_stream_wait");
}

std::string Engine::version() const {
  const Version &v = version_of(library_);
  return std::to_string(v.major) + "." + std::to_string(v.minor) + "." + std::to_string(v.patch);
}

// The bits of dnnl_cpu_isa_t: each instruction set contains those of the ones before it.
std::string Engine::kernels() const {
  const int isa = library_.find<int()>("dnnl_get_effective_cpu_isa")();
  constexpr int avx2 = 0x7, avx512_core = 0x27;
  if ((isa & avx512_core) == avx512_core) return "avx512_core";
  return isa == avx2 ? "avx2" : "dnnl_cpu_isa_t " + std::to_string(isa);
}

Handle Engine::own(void *object, const char *kind) const {
  return Handle(object, library_.find<int(void *)>(std::string("dnnl_") + kind + "_destroy"));
}

// strides: NULL if the primitive shall choose.
Layout Engine::described(int dimensions, const int64_t *sizes, const int64_t *strides) const {
  std::array<int64_t, 12> wide_sizes{}, wide_strides{}; // DNNL_MAX_NDIMS
  for (int i = 0; i < dimensions; ++i) wide_sizes[i] = sizes[i], wide_strides[i] = strides ? strides[i] : 0;
  const std::string name =
      std::string("dnnl_memory_desc_") + (major_ == 2 ? "init_by_" : "create_with_") + (strides ? "strides" : "tag");
  const auto describe = [&](void *description) {
    using ByStrides = int(void *, int, const int64_t *, int, const int64_t *);
    using ByTag = int(void *, int, const int64_t *, int, int);
    const int64_t *size = wide_sizes.data();
    check(strides ? library_.find<ByStrides>(name)(description, dimensions, size, f32, wide_strides.data())
                  : library_.find<ByTag>(name)(description, dimensions, size, f32, any_tag),
          name);
  };
  if (major_ == 2) {
    const auto description = std::make_shared<Opaque>();
    describe(description.get());
    return {description};
  }
  void *description = nullptr;
  describe(&description);
  return {own(description, "memory_desc")};
}

Layout Engine::rows(int64_t m, int64_t n) const {
  const int64_t sizes[] = {m, n}, strides[] = {n, 1};
  return described(2, sizes, strides);
}

Layout Engine::columns(int64_t n, int64_t k) const {
  const int64_t sizes[] = {n, k}, strides[] = {1, n};
  return described(2, sizes, strides);
}

Layout Engine::any(int64_t m, int64_t n) const {
  const int64_t sizes[] = {m, n};
  return described(2, sizes, nullptr);
}

Layout Engine::images(int64_t m, int64_t n, Images way) const {
  const bool one = way == Images::one;
  const int64_t sizes[] = {one ? 1 : m, n, 1, one ? m : 1}, strides[] = {one ? m * n : n, 1, one ? m * n : n, n};
  return described(4, sizes, strides);
}

Layout Engine::vector(int64_t n) const {
  const int64_t stride = 1;
  return described(1, &n, &stride);
}

Layout Engine::chosen(const Primitive &primitive, Query query) const {
  const auto ask = library_.find<const void *(const void *, int, int)>("dnnl_primitive_desc_query_md");
  return {std::shared_ptr<const void>(primitive.description, ask(primitive.description.get(), query, 0))};
}

bool Engine::same(const Layout &a, const Layout &b) const {
  return library_.find<int(const void *, const void *)>("dnnl_memory_desc_equal")(address(a), address(b)) != 0;
}

Array Engine::array(const Layout &layout, const float *data) const {
  void *memory = nullptr;
  // oneDNN takes a non-const pointer even for memory that it only reads.
  check(library_.find<int(void **, const void *, void *, void *)>("dnnl_memory_create")(
            &memory, address(layout), engine_, const_cast<float *>(data)),
        "dnnl_memory_create");
  return {layout, own(memory, "memory"), const_cast<float *>(data), nullptr};
}

int64_t Engine::size(const Layout &layout) const {
  const size_t bytes = library_.find<size_t(const void *)>("dnnl_memory_desc_get_size")(address(layout));
  return static_cast<int64_t>(bytes / sizeof(float));
}

Array Engine::array(const Layout &layout) const {
  const size_t bytes = static_cast<size_t>(size(layout)) * sizeof(float);
  const std::shared_ptr<float[]> storage(static_cast<float *>(operator new(bytes, line)),
                                         [](float *memory) { operator delete(memory, line); });
  std::memset(storage.get(), 0, bytes);
  Array made = array(layout, storage.get());
  made.storage = storage;
  return made;
}

Primitive Engine::finish(const Handle &description) const {
  void *primitive = nullptr;
  check(library_.find<int(void **, const void *)>("dnnl_primitive_create")(&primitive, description.get()),
        "dnnl_primitive_create");
  return {description, own(primitive, "primitive")};
}

template <class... Arguments>
Primitive Engine::make(const std::string &operation, const Primitive *forward, const void *attributes,
                       Arguments... arguments) const {
  void *description = nullptr;
  const void *hint = forward ? forward->description.get() : nullptr;
  if (major_ == 2) {
    alignas(64) Opaque described;
    check(library_.find<int(void *, Arguments...)>("dnnl_" + operation + "_desc_init")(&described, arguments...),
          operation);
    using Create = int(void **, const void *, const void *, void *, const void *);
    check(library_.find<Create>("dnnl_primitive_desc_create")(&description, &described, attributes, engine_, hint),
          operation);
    return finish(own(description, "primitive_desc"));
  }
  const std::string name = "dnnl_" + operation + "_primitive_desc_create";
  if (forward) {
    using Create = int(void **, void *, Arguments..., const void *, const void *);
    check(library_.find<Create>(name)(&description, engine_, arguments..., hint, attributes), operation);
  } else {
    using Create = int(void **, void *, Arguments..., const void *);
    check(library_.find<Create>(name)(&description, engine_, arguments..., attributes), operation);
  }
  return finish(own(description, "primitive_desc"));
}

// dnnl_eltwise_...
int Engine::algorithm(int32_t activation) const {
  if (activation == LF_RELU) return major_ == 2 ? 0x1f : 0x20;
  return major_ == 2 ? 0x3f : 0x22;
}

// Attributes that append an activation to the operation.  NULL for LF_IDENTITY.
Handle Engine::followed_by(int32_t activation) const {
  if (activation == LF_IDENTITY) return {};
  const auto made = [&](const char *kind) {
    void *object = nullptr;
    const std::string name = std::string("dnnl_") + kind + "_create";
    check(library_.find<int(void **)>(name)(&object), name);
    return own(object, kind);
  };
  const Handle operations = made("post_ops"), attributes = made("primitive_attr");
  const char *append = "dnnl_post_ops_append_eltwise";
  const int which = algorithm(activation);
  const float alpha = alpha_of(activation);
  check(major_ == 2 ? library_.find<int(void *, float, int, float, float)>(append)(operations.get(), 1, which, alpha, 0)
                    : library_.find<int(void *, int, float, float)>(append)(operations.get(), which, alpha, 0),
        append);
  const char *attach = "dnnl_primitive_attr_set_post_ops";
  check(library_.find<int(void *, const void *)>(attach)(attributes.get(), operations.get()), attach);
  return attributes;
}

Primitive Engine::matrix_product(const Layout &a, const Layout &b, const Layout &c) const {
  const void *no_bias = nullptr;
  return make("matmul", nullptr, nullptr, address(a), address(b), no_bias, address(c));
}

Primitive Engine::inner_product(Pass pass, const Layout &from, const Layout &w, const Layout &b, const Layout &to,
                                int32_t activation) const {
  return make("inner_product_forward", nullptr, followed_by(activation).get(), static_cast<int>(pass), address(from),
              address(w), address(b), address(to));
}

Primitive Engine::inner_product_data(const Layout &dx, const Layout &w, const Layout &dy,
                                     const Primitive &forward) const {
  return make("inner_product_backward_data", &forward, nullptr, address(dx), address(w), address(dy));
}

Primitive Engine::inner_product_weights(const Layout &x, const Layout &dw, const Layout &db, const Layout &dy,
                                        const Primitive &forward) const {
  return make("inner_product_backward_weights", &forward, nullptr, address(x), address(dw), address(db), address(dy));
}

Primitive Engine::activation(Pass pass, int32_t activation, const Layout &layout) const {
  const void *at = address(layout);
  const int kind = static_cast<int>(pass);
  const int which = pass == Pass::training ? trained_algorithm(activation) : algorithm(activation);
  if (major_ == 2) return make("eltwise_forward", nullptr, nullptr, kind, which, at, alpha_of(activation), 0.0f);
  return make("eltwise_forward", nullptr, nullptr, kind, which, at, at, alpha_of(activation), 0.0f);
}

Primitive Engine::activation_gradient(int32_t activation, const Layout &layout, const Primitive &forward) const {
  const void *at = address(layout);
  const int which = trained_algorithm(activation);
  if (major_ == 2) return make("eltwise_backward", &forward, nullptr, which, at, at, alpha_of(activation), 0.0f);
  return make("eltwise_backward", &forward, nullptr, which, at, at, at, alpha_of(activation), 0.0f);
}

// dnnl_use_scale | dnnl_use_shift
unsigned Engine::norm_flags() const { return major_ == 2 ? 8 | 16 : 2 | 4; }

Primitive Engine::batch_norm(Pass pass, const Layout &layout, float eps) const {
  const void *at = address(layout);
  const int kind = static_cast<int>(pass);
  const unsigned flags = norm_flags() | (pass == Pass::inference ? 1 : 0); // dnnl_use_global_stats
  if (major_ == 2) return make("batch_normalization_forward", nullptr, nullptr, kind, at, eps, flags);
  const Primitive made = make("batch_normalization_forward", nullptr, nullptr, kind, at, at, eps, flags);
  return pass == Pass::inference ? without_sse(made) : made;
}

// Replaces an implementation for SSE 4.1 by the next one.  oneDNN chooses SSE 4.1 if the number of columns is a multiple
// of 4 but not of 8.  In version 3.7, with given statistics, it takes a thousand times as long as the others.
Primitive Engine::without_sse(const Primitive &primitive) const {
  constexpr int implementation = 8; // dnnl_query_impl_info_str
  const char *name = nullptr;
  using Ask = int(const void *, int, int, const char **);
  check(library_.find<Ask>("dnnl_primitive_desc_query")(primitive.description.get(), implementation, 0, &name),
        "dnnl_primitive_desc_query");
  if (!name || !std::strstr(name, "sse41")) return primitive;
  const auto next = library_.find<int(void *)>("dnnl_primitive_desc_next_impl");
  return next(primitive.description.get()) == 0 ? finish(primitive.description) : primitive;
}

Primitive Engine::batch_norm_gradient(const Layout &layout, float eps, const Primitive &forward) const {
  const void *at = address(layout);
  if (major_ == 2) return make("batch_normalization_backward", &forward, nullptr, backward, at, at, eps, norm_flags());
  return make("batch_normalization_backward", &forward, nullptr, backward, at, at, at, eps, norm_flags());
}

Primitive Engine::sum(const Layout &layout) const {
  const void *at = address(layout), *attributes = nullptr;
  return make("binary", nullptr, attributes, binary_add, at, at, at);
}

Primitive Engine::reorder(const Layout &from, const Layout &to) const {
  void *description = nullptr;
  using Create = int(void **, const void *, void *, const void *, void *, const void *);
  check(library_.find<Create>("dnnl_reorder_primitive_desc_create")(&description, address(from), engine_, address(to),
                                                                    engine_, nullptr),
        "reorder");
  return finish(own(description, "primitive_desc"));
}

Call Engine::call(const Primitive &primitive, const std::vector<Binding> &bindings) const {
  Call made{primitive, {}, {}};
  for (const auto &[name, array] : bindings) {
    if (!array.memory) continue;
    made.arrays.push_back(array);
    made.arguments.push_back({name, array.memory.get()});
  }
  return made;
}

void Engine::run(const std::vector<Call> &calls) const {
  for (const Call &call : calls)
    check(execute_(call.primitive.primitive.get(), stream_, static_cast<int>(call.arguments.size()),
                   call.arguments.data()),
          "dnnl_primitive_execute");
  check(wait_(stream_), "dnnl_stream_wait");
}

} // namespace lanefold::bench::onednn
