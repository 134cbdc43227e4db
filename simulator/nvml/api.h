/* NVML's types and return codes as far as they are served here; the layouts are those of NVIDIA's nvml.h. */
#ifndef SIM_API_H
#define SIM_API_H

#include "rules.h"
#include "state.h"

enum {
    OK = 0,
    UNINITIALIZED = 1,
    INVALID_ARGUMENT = 2,
    NOT_SUPPORTED = 3,
    NOT_FOUND = 6,
    INSUFFICIENT_SIZE = 7,
    DRIVER_NOT_LOADED = 9,
    TIMEOUT = 10,
    GPU_IS_LOST = 15,
    OPERATING_SYSTEM = 17,
    LIB_RM_VERSION_MISMATCH = 18,
    IN_USE = 19,
    MEMORY = 20,
    INSUFFICIENT_RESOURCES = 23,
    ARGUMENT_VERSION_MISMATCH = 25,
    UNKNOWN = 999
};
typedef int ret;
#define EXPORT __attribute__((visibility("default")))

/* One handle for GPUs, GPU instances, compute instances and MIG devices; interned, never freed. */
enum kind { GPU, GPU_INSTANCE, COMPUTE_INSTANCE, MIG_DEVICE };
struct handle {
    enum kind kind;
    int gpu, gi_serial, ci_serial;
};
typedef struct handle *handle;
handle handle_of_gpu(int gpu);
handle handle_of_gi(int gpu, const struct gpu_instance *gi);
handle handle_of_ci(enum kind kind, int gpu, const struct gpu_instance *gi, const struct compute_instance *ci);

struct placement {
    unsigned start, size;
};
struct gi_info {
    handle device;
    unsigned id, profile_id;
    struct placement placement;
};
struct ci_info {
    handle device, gpu_instance;
    unsigned id, profile_id;
    struct placement placement;
};

/* What a call works on: the locked state and what the handle names in it (NULL what it does not name). */
struct view {
    struct state state;
    int index;
    struct gpu *gpu;
    struct gpu_instance *gi;
    struct compute_instance *ci;
};

/* Locks the state and resolves `h`, which must be of `kind`: OK, or why not, and then the state is unlocked again. */
ret view_open(struct view *view, handle h, enum kind kind);
/* The same for a call that serves GPUs and MIG devices alike. */
ret view_open_device(struct view *view, handle h);
/* The same for a call that wants a GPU in MIG mode. */
ret view_open_mig_gpu(struct view *view, handle h);
/* Unlocks, writes if `changed`, and hands `result` on (OPERATING_SYSTEM if writing failed). */
ret view_close(struct view *view, int changed, ret result);

/* The return code for a state that cannot be opened. */
ret ret_of(enum state_error error);
int is_initialised(void);

/* Copies a text out: OK, INVALID_ARGUMENT without a target, INSUFFICIENT_SIZE if it does not fit. */
ret give_text(char *target, unsigned size, const char *text);

/* Living processes that said they use the MIG device or GPU `uuid`: up to `size` pids, and how many there are. */
int clients_of(const char *uuid, int *pids, int size);

#endif
