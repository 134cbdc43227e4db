/* Events: XID errors that a fault wrote into the state reach everyone who registered before they happened. */
#include <stdlib.h>
#include <time.h>

#include "api.h"

#define XID_CRITICAL 8ull
#define NO_INSTANCE 0xFFFFFFFFu
#define POLL_MS 20

struct event_set {
    unsigned gpus; /* mask of GPUs that are watched */
    int next;      /* number of the first event not delivered yet */
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
    return *set ? OK : MEMORY;
}

EXPORT ret nvmlEventSetFree(struct event_set *set) {
    free(set);
    return OK;
}

EXPORT ret nvmlDeviceGetSupportedEventTypes(handle device, unsigned long long *types) {
    struct view view;
    ret result = types ? view_open(&view, device, GPU) : INVALID_ARGUMENT;
    if (result != OK) return result;
    *types = XID_CRITICAL;
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlDeviceRegisterEvents(handle device, unsigned long long types, struct event_set *set) {
    struct view view;
    if (!set) return INVALID_ARGUMENT;
    if (types & ~XID_CRITICAL) return NOT_SUPPORTED;
    ret result = view_open(&view, device, GPU);
    if (result != OK) return result;
    if (!set->gpus) set->next = view.state.next_event;
    set->gpus |= 1u << view.index;
    return view_close(&view, 0, OK);
}

static int take(struct event_set *set, struct event_data *data) {
    struct state state;
    int found = 0;
    if (state_open(&state) != STATE_OK) return 0;
    for (int i = 0; i < state.events && !found; i++) {
        const struct event *event = &state.event[i];
        if (event->number < set->next) continue;
        set->next = event->number + 1;
        if (!(set->gpus >> event->gpu & 1u)) continue;
        *data = (struct event_data){handle_of_gpu(event->gpu), XID_CRITICAL, (unsigned long long)event->xid,
                                    NO_INSTANCE, NO_INSTANCE};
        found = 1;
    }
    state_close(&state, 0);
    return found;
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
