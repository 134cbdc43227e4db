/* MIG mode of a GPU: now, and after the next reset. */
#include "api.h"

EXPORT ret nvmlDeviceGetMigMode(handle device, unsigned *current, unsigned *pending) {
    struct view view;
    if (!current || !pending) return INVALID_ARGUMENT;
    ret result = view_open(&view, device, GPU);
    if (result != OK) return result;
    if (!view.gpu->mig_capable) return view_close(&view, 0, NOT_SUPPORTED);
    *current = (unsigned)view.gpu->mig;
    *pending = (unsigned)view.gpu->mig_pending;
    return view_close(&view, 0, OK);
}

/* An A100 changes mode at its next reset only: until then the activation status says IN_USE. */
EXPORT ret nvmlDeviceSetMigMode(handle device, unsigned mode, ret *activation) {
    struct view view;
    if (mode > 1 || !activation) return INVALID_ARGUMENT;
    ret result = view_open(&view, device, GPU);
    if (result != OK) return result;
    if (!view.gpu->mig_capable) return view_close(&view, 0, NOT_SUPPORTED);
    if (!mode && view.gpu->instances) return view_close(&view, 0, IN_USE);
    view.gpu->mig_pending = (int)mode;
    *activation = view.gpu->mig == (int)mode ? OK : IN_USE;
    return view_close(&view, 1, OK);
}

EXPORT ret nvmlDeviceGetMaxMigDeviceCount(handle device, unsigned *count) {
    struct view view;
    ret result = view_open(&view, device, GPU);
    if (result != OK) return result;
    if (count) *count = view.gpu->mig ? MAX_INSTANCES : 0;
    return view_close(&view, 0, count ? OK : INVALID_ARGUMENT);
}
