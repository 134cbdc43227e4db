/* Finding a device, and who it is: count, handles, UUID, name, place on the bus. */
#include <stdio.h>
#include <string.h>

#include "api.h"

#define FIRST_BUS 7u
#define A100_PCI_ID 0x20B210DEu
#define A100_SUBSYSTEM 0x146310DEu

struct pci_info {
    char legacy_bus_id[16];
    unsigned domain, bus, device, device_id, subsystem_id;
    char bus_id[32];
};

EXPORT ret nvmlDeviceGetCount_v2(unsigned *count) {
    struct state state;
    if (!is_initialised()) return UNINITIALIZED;
    if (!count) return INVALID_ARGUMENT;
    ret result = ret_of(state_open(&state));
    if (result != OK) return result;
    *count = (unsigned)state.gpus;
    return ret_of(state_close(&state, 0));
}

EXPORT ret nvmlDeviceGetHandleByIndex_v2(unsigned index, handle *device) {
    struct view view;
    if (index >= MAX_GPUS || !device) return INVALID_ARGUMENT;
    ret result = view_open(&view, handle_of_gpu((int)index), GPU);
    if (result != OK) return result;
    *device = handle_of_gpu((int)index);
    return view_close(&view, 0, OK);
}

static handle mig_by_uuid(const struct state *state, int index, const char *uuid) {
    const struct gpu *gpu = &state->gpu[index];
    for (int i = 0; i < gpu->instances; i++)
        for (int j = 0; j < gpu->instance[i].computes; j++)
            if (!strcmp(gpu->instance[i].compute[j].uuid, uuid))
                return handle_of_ci(MIG_DEVICE, index, &gpu->instance[i], &gpu->instance[i].compute[j]);
    return NULL;
}

EXPORT ret nvmlDeviceGetHandleByUUID(const char *uuid, handle *device) {
    struct state state;
    if (!is_initialised()) return UNINITIALIZED;
    if (!uuid || !device) return INVALID_ARGUMENT;
    ret result = ret_of(state_open(&state));
    if (result != OK) return result;
    handle found = NULL;
    for (int i = 0; i < state.gpus && !found; i++)
        found = strcmp(state.gpu[i].uuid, uuid) ? mig_by_uuid(&state, i, uuid) : handle_of_gpu(i);
    result = !found ? NOT_FOUND : state.gpu[found->gpu].lost ? GPU_IS_LOST : OK;
    if (result == OK) *device = found;
    state_close(&state, 0);
    return result;
}

EXPORT ret nvmlDeviceGetUUID(handle device, char *uuid, unsigned size) {
    struct view view;
    ret result = view_open_device(&view, device);
    if (result != OK) return result;
    return view_close(&view, 0, give_text(uuid, size, view.ci ? view.ci->uuid : view.gpu->uuid));
}

EXPORT ret nvmlDeviceGetName(handle device, char *name, unsigned size) {
    struct view view;
    char full[2 * NAME_SIZE], part[NAME_SIZE] = "";
    ret result = view_open_device(&view, device);
    if (result != OK) return result;
    if (view.ci)
        profile_name(view.gpu, profile_by_id((unsigned)view.gi->profile_id), view.ci->gpcs, part, sizeof part);
    snprintf(full, sizeof full, "%s%s%s", view.gpu->name, view.ci ? " " : "", part);
    return view_close(&view, 0, give_text(name, size, full));
}

EXPORT ret nvmlDeviceGetIndex(handle device, unsigned *index) {
    struct view view;
    ret result = view_open(&view, device, GPU);
    if (result != OK) return result;
    if (index) *index = (unsigned)view.index;
    return view_close(&view, 0, index ? OK : INVALID_ARGUMENT);
}

EXPORT ret nvmlDeviceGetMinorNumber(handle device, unsigned *minor) { return nvmlDeviceGetIndex(device, minor); }

EXPORT ret nvmlDeviceGetPciInfo_v3(handle device, struct pci_info *pci) {
    unsigned index;
    ret result = pci ? nvmlDeviceGetIndex(device, &index) : INVALID_ARGUMENT;
    if (result != OK) return result;
    *pci = (struct pci_info){.bus = FIRST_BUS + index, .device_id = A100_PCI_ID, .subsystem_id = A100_SUBSYSTEM};
    snprintf(pci->legacy_bus_id, sizeof pci->legacy_bus_id, "0000:%02X:00.0", pci->bus & 0xFFu);
    snprintf(pci->bus_id, sizeof pci->bus_id, "00000000:%02X:00.0", pci->bus & 0xFFu);
    return OK;
}

EXPORT ret nvmlDeviceGetCudaComputeCapability(handle device, int *major, int *minor) {
    struct view view;
    if (!major || !minor) return INVALID_ARGUMENT;
    ret result = view_open_device(&view, device);
    if (result != OK) return result;
    *major = view.gpu->mig_capable ? 8 : 7;
    *minor = view.gpu->mig_capable ? 0 : 5;
    return view_close(&view, 0, OK);
}
