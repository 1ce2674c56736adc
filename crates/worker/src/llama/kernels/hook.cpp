// An entry in the list that ggml's CPU backend asks for other ways to compute a node: its "extra
// buffer types". Ours has no buffers, but is asked for every node nevertheless, and computes some
// of them on the backend's own threads. The list and the classes are ggml's
// (`ggml-cpu/traits.h`, which is not an installed header), in the version that the workspace pins.
// hook.rs calls this.

#include <cstddef>
#include <vector>

struct ggml_tensor;
struct ggml_threadpool;
struct ggml_backend_device;

struct ggml_compute_params {
    int ith, nth;
    size_t wsize;
    void * wdata;
    ggml_threadpool * threadpool;
    bool use_ref;
};

// ggml only looks at the context of ours.
struct ggml_backend_buffer_type {
    void * interface[8];
    ggml_backend_device * device;
    void * context;
};

namespace ggml::cpu {
class tensor_traits {
  public:
    virtual ~tensor_traits();
    virtual bool work_size(int n_threads, const ggml_tensor * op, size_t & size) = 0;
    virtual bool compute_forward(ggml_compute_params * params, ggml_tensor * op) = 0;
};

class extra_buffer_type {
  public:
    virtual ~extra_buffer_type();
    virtual bool supports_op(ggml_backend_device * dev, const ggml_tensor * op) = 0;
    virtual tensor_traits * get_tensor_traits(const ggml_tensor * op) = 0;
};
}  // namespace ggml::cpu

std::vector<ggml_backend_buffer_type *> & ggml_backend_cpu_get_extra_buffer_types();

// Must match `Hook` in hook.rs.
struct localcoder_hook {
    bool (*takes)(const ggml_tensor * op);
    size_t (*work_bytes)(const ggml_tensor * op);
    void (*compute)(const ggml_compute_params * params, const ggml_tensor * op);
};

namespace {
class Traits : public ggml::cpu::tensor_traits {
  public:
    explicit Traits(localcoder_hook hook) : hook(hook) {}

    bool takes(const ggml_tensor * op) const { return hook.takes(op); }

    bool work_size(int, const ggml_tensor * op, size_t & size) override {
        size = hook.work_bytes(op);
        return true;
    }

    bool compute_forward(ggml_compute_params * params, ggml_tensor * op) override {
        hook.compute(params, op);
        return true;
    }

  private:
    localcoder_hook hook;
};

class Kind : public ggml::cpu::extra_buffer_type {
  public:
    explicit Kind(localcoder_hook hook) : traits(hook) {}

    // Only called for tensors in a buffer of this kind, and there are none.
    bool supports_op(ggml_backend_device *, const ggml_tensor *) override { return false; }

    ggml::cpu::tensor_traits * get_tensor_traits(const ggml_tensor * op) override {
        return traits.takes(op) ? &traits : nullptr;
    }

  private:
    Traits traits;
};
}  // namespace

// Must be called once per process, before anything is computed. Nothing made here is ever freed.
extern "C" void localcoder_install(const localcoder_hook * hook) {
    auto * kind = new ggml_backend_buffer_type{};
    kind->context = static_cast<ggml::cpu::extra_buffer_type *>(new Kind(*hook));
    ggml_backend_cpu_get_extra_buffer_types().push_back(kind);
}
