/* Events: XID errors that a fault wrote into the state are delivered to whoever waits for them. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <time.h>

#include "api.h"

#define XID_CRITICAL 8ull
#define POLL_MS 20

struct event_set {
    unsigned gpus; /* mask of GPUs that are watched */
};
struct event_data {
    handle device;
    unsigned long long type, data;
    unsigned gi, ci;
};

EXPORT ret nvmlEventSetCreate(struct event_set **set) {
    if (!is_initialised()) return UNINITIALIZED;
    if (!set) return INVALID_ARGUMENT;
    *set = calloc(1, sizeof **set);
    return *set ? OK : UNKNOWN;
}

EXPORT ret nvmlEventSetFree(struct event_set *set) {
    free(set);
    return OK;
}

EXPORT ret nvmlDeviceGetSupportedEventTypes(handle device, unsigned long long *types) {
    if (!device || !types) return INVALID_ARGUMENT;
    *types = XID_CRITICAL;
    return OK;
}

EXPORT ret nvmlDeviceRegisterEvents(handle device, unsigned long long types, struct event_set *set) {
    if (!device || device->kind != GPU || !set) return INVALID_ARGUMENT;
    if (types & ~XID_CRITICAL) return NOT_SUPPORTED;
    set->gpus |= 1u << device->gpu;
    return OK;
}

static int take(const struct event_set *set, struct event_data *data) {
    struct state state;
    if (state_open(&state)) return 0;
    for (int i = 0; i < state.gpus; i++) {
        if (!(set->gpus >> i & 1u) || !state.gpu[i].xid) continue;
        *data = (struct event_data){handle_of(GPU, i, -1, -1), XID_CRITICAL, (unsigned long long)state.gpu[i].xid,
                                    0xFFFFFFFFu, 0xFFFFFFFFu};
        state.gpu[i].xid = 0;
        state_close(&state, 1);
        return 1;
    }
    state_close(&state, 0);
    return 0;
}

EXPORT ret nvmlEventSetWait_v2(struct event_set *set, struct event_data *data, unsigned timeout_ms) {
    if (!is_initialised()) return UNINITIALIZED;
    if (!set || !data) return INVALID_ARGUMENT;
    for (unsigned waited = 0;; waited += POLL_MS) {
        if (take(set, data)) return OK;
        if (waited >= timeout_ms) return TIMEOUT;
        struct timespec pause = {0, POLL_MS * 1000000L};
        nanosleep(&pause, NULL);
    }
}
