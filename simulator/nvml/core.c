/* Start and end of a session, handles, error texts, versions of the system. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api.h"

static atomic_int sessions;
static pthread_mutex_t handles_lock = PTHREAD_MUTEX_INITIALIZER;
static struct node {
    struct handle value;
    struct node *next;
} *handles;

int is_initialised(void) { return atomic_load(&sessions) > 0; }

handle handle_of(enum kind kind, int gpu, int gi, int ci) {
    pthread_mutex_lock(&handles_lock);
    struct node *node = handles;
    while (node && !(node->value.kind == kind && node->value.gpu == gpu && node->value.gi == gi && node->value.ci == ci))
        node = node->next;
    if (!node && (node = calloc(1, sizeof *node))) {
        node->value = (struct handle){kind, gpu, gi, ci};
        node->next = handles;
        handles = node;
    }
    pthread_mutex_unlock(&handles_lock);
    return node ? &node->value : NULL;
}

static void resolve(struct view *view, handle h) {
    view->gpu = h->gpu < view->state.gpus ? &view->state.gpu[h->gpu] : NULL;
    view->gi = NULL;
    view->ci = NULL;
    for (int i = 0; view->gpu && i < view->gpu->instances; i++)
        if (view->gpu->instance[i].id == h->gi) view->gi = &view->gpu->instance[i];
    for (int i = 0; view->gi && i < view->gi->computes; i++)
        if (view->gi->compute[i].id == h->ci) view->ci = &view->gi->compute[i];
}

static ret check(const struct view *view, handle h) {
    if (!view->gpu) return INVALID_ARGUMENT;
    if (view->gpu->lost) return GPU_IS_LOST;
    if (h->kind != GPU && !view->gi) return NOT_FOUND;
    if ((h->kind == COMPUTE_INSTANCE || h->kind == MIG_DEVICE) && !view->ci) return NOT_FOUND;
    return OK;
}

ret view_open(struct view *view, handle h, enum kind kind) {
    if (!is_initialised()) return UNINITIALIZED;
    if (!h || h->kind != kind) return INVALID_ARGUMENT;
    if (state_open(&view->state)) return UNKNOWN;
    resolve(view, h);
    if (view->gpu && view->gpu->delay_ms) {
        struct timespec pause = {view->gpu->delay_ms / 1000, view->gpu->delay_ms % 1000 * 1000000L};
        nanosleep(&pause, NULL);
    }
    ret result = check(view, h);
    if (result != OK) state_close(&view->state, 0);
    return result;
}

ret view_close(struct view *view, int changed, ret result) {
    return state_close(&view->state, changed) ? UNKNOWN : result;
}

EXPORT ret nvmlInitWithFlags(unsigned flags) {
    static struct state probe;
    (void)flags;
    if (state_open(&probe)) return 9; /* DRIVER_NOT_LOADED: there is no simulated host in SLICEPLANE_SIM_STATE */
    state_close(&probe, 0);
    atomic_fetch_add(&sessions, 1);
    return OK;
}

EXPORT ret nvmlInit_v2(void) { return nvmlInitWithFlags(0); }

EXPORT ret nvmlShutdown(void) {
    if (!is_initialised()) return UNINITIALIZED;
    atomic_fetch_sub(&sessions, 1);
    return OK;
}

EXPORT const char *nvmlErrorString(ret code) {
    switch (code) {
    case OK: return "The operation was successful";
    case UNINITIALIZED: return "Uninitialized";
    case INVALID_ARGUMENT: return "Invalid Argument";
    case NOT_SUPPORTED: return "Not Supported";
    case NOT_FOUND: return "Not Found";
    case INSUFFICIENT_SIZE: return "Insufficient Size";
    case 9: return "Driver Not Loaded";
    case TIMEOUT: return "Timeout";
    case GPU_IS_LOST: return "GPU is lost";
    case IN_USE: return "In use by another client";
    case INSUFFICIENT_RESOURCES: return "Insufficient Resources";
    case ARGUMENT_VERSION_MISMATCH: return "Argument version mismatch";
    default: return "Unknown Error";
    }
}

static ret give_text(char *target, unsigned size, const char *text) {
    if (!target) return INVALID_ARGUMENT;
    if (strlen(text) >= size) return INSUFFICIENT_SIZE;
    strcpy(target, text);
    return OK;
}

EXPORT ret nvmlSystemGetDriverVersion(char *version, unsigned size) {
    struct state state;
    if (!is_initialised()) return UNINITIALIZED;
    if (state_open(&state)) return UNKNOWN;
    ret result = give_text(version, size, state.driver);
    state_close(&state, 0);
    return result;
}

EXPORT ret nvmlSystemGetNVMLVersion(char *version, unsigned size) { return give_text(version, size, "12.550.54.15"); }

EXPORT ret nvmlSystemGetCudaDriverVersion(int *version) {
    if (!version) return INVALID_ARGUMENT;
    *version = 12040;
    return OK;
}

EXPORT ret nvmlSystemGetCudaDriverVersion_v2(int *version) { return nvmlSystemGetCudaDriverVersion(version); }
