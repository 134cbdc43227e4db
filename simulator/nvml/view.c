/* Handles, and the way from a handle to what it names in the locked state. */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "api.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct node {
    struct handle value;
    struct node *next;
} *nodes;

static int same(const struct handle *a, const struct handle *b) {
    return a->kind == b->kind && a->gpu == b->gpu && a->gi_serial == b->gi_serial && a->ci_serial == b->ci_serial;
}

static handle intern(struct handle value) {
    pthread_mutex_lock(&lock);
    struct node *node = nodes;
    while (node && !same(&node->value, &value)) node = node->next;
    if (!node && (node = malloc(sizeof *node))) {
        *node = (struct node){value, nodes};
        nodes = node;
    }
    pthread_mutex_unlock(&lock);
    return node ? &node->value : NULL;
}

handle handle_of_gpu(int gpu) { return intern((struct handle){GPU, gpu, -1, -1}); }

handle handle_of_gi(int gpu, const struct gpu_instance *gi) {
    return intern((struct handle){GPU_INSTANCE, gpu, gi->serial, -1});
}

handle handle_of_ci(enum kind kind, int gpu, const struct gpu_instance *gi, const struct compute_instance *ci) {
    return intern((struct handle){kind, gpu, gi->serial, ci->serial});
}

static void resolve(struct view *view, handle h) {
    view->index = h->gpu;
    view->gpu = h->gpu < view->state.gpus ? &view->state.gpu[h->gpu] : NULL;
    view->gi = NULL;
    view->ci = NULL;
    for (int i = 0; view->gpu && i < view->gpu->instances; i++)
        if (view->gpu->instance[i].serial == h->gi_serial) view->gi = &view->gpu->instance[i];
    for (int i = 0; view->gi && i < view->gi->computes; i++)
        if (view->gi->compute[i].serial == h->ci_serial) view->ci = &view->gi->compute[i];
}

static ret check(const struct view *view, handle h) {
    if (!view->gpu) return INVALID_ARGUMENT;
    if (view->gpu->lost) return GPU_IS_LOST;
    if (h->kind != GPU && !view->gi) return NOT_FOUND;
    if ((h->kind == COMPUTE_INSTANCE || h->kind == MIG_DEVICE) && !view->ci) return NOT_FOUND;
    return OK;
}

/* A slow GPU makes its callers wait, not the callers of its neighbours: no lock is held meanwhile. */
static void delay(int gpu) {
    struct state state;
    if (state_open(&state) != STATE_OK) return;
    int ms = gpu < state.gpus ? state.gpu[gpu].delay_ms : 0;
    state_close(&state, 0);
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000L};
    if (ms > 0) nanosleep(&pause, NULL);
}

ret view_open(struct view *view, handle h, enum kind kind) {
    if (!is_initialised()) return UNINITIALIZED;
    if (!h || h->kind != kind) return INVALID_ARGUMENT;
    delay(h->gpu);
    ret result = ret_of(state_open(&view->state));
    if (result != OK) return result;
    resolve(view, h);
    result = check(view, h);
    if (result != OK) state_close(&view->state, 0);
    return result;
}

ret view_open_device(struct view *view, handle h) {
    return view_open(view, h, h && h->kind == MIG_DEVICE ? MIG_DEVICE : GPU);
}

ret view_open_mig_gpu(struct view *view, handle h) {
    ret result = view_open(view, h, GPU);
    if (result != OK) return result;
    return view->gpu->mig ? OK : view_close(view, 0, NOT_SUPPORTED);
}

ret view_close(struct view *view, int changed, ret result) {
    return state_close(&view->state, changed) == STATE_OK ? result : OPERATING_SYSTEM;
}
