/* Start and end of a session, and versions of the system. */
#include <stdatomic.h>
#include <string.h>

#include "api.h"

#define NVML_VERSION "12.550.54.15"
#define CUDA_VERSION 12040

static atomic_int sessions;

int is_initialised(void) { return atomic_load(&sessions) > 0; }

ret ret_of(enum state_error error) {
    switch (error) {
    case STATE_OK: return OK;
    case STATE_NONE: return DRIVER_NOT_LOADED; /* there is no simulated host */
    case STATE_OTHER_VERSION: return LIB_RM_VERSION_MISMATCH;
    case STATE_NOT_WRITTEN: return OPERATING_SYSTEM;
    default: return UNKNOWN;
    }
}

EXPORT ret nvmlInitWithFlags(unsigned flags) {
    struct state probe;
    (void)flags;
    ret result = ret_of(state_open(&probe));
    if (result != OK) return result;
    atomic_fetch_add(&sessions, 1);
    return ret_of(state_close(&probe, 0));
}

EXPORT ret nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

EXPORT ret nvmlShutdown(void) {
    if (!is_initialised()) return UNINITIALIZED;
    atomic_fetch_sub(&sessions, 1);
    return OK;
}

ret give_text(char *target, unsigned size, const char *text) {
    if (!target) return INVALID_ARGUMENT;
    if (strlen(text) >= size) return INSUFFICIENT_SIZE;
    strcpy(target, text);
    return OK;
}

EXPORT ret nvmlSystemGetDriverVersion(char *version, unsigned size) {
    struct state state;
    if (!is_initialised()) return UNINITIALIZED;
    ret result = ret_of(state_open(&state));
    if (result != OK) return result;
    result = give_text(version, size, state.driver);
    state_close(&state, 0);
    return result;
}

EXPORT ret nvmlSystemGetNVMLVersion(char *version, unsigned size) { return give_text(version, size, NVML_VERSION); }

EXPORT ret nvmlSystemGetCudaDriverVersion(int *version) {
    if (!version) return INVALID_ARGUMENT;
    *version = CUDA_VERSION;
    return OK;
}

EXPORT ret nvmlSystemGetCudaDriverVersion_v2(int *version) { return nvmlSystemGetCudaDriverVersion(version); }
