/* What a monitor reads: memory, load, temperature, power, compute mode. Nothing runs CUDA here, so boards idle. */
#include "api.h"

#define IDLE_TEMPERATURE_C 31u
#define IDLE_POWER_MW 52000u
#define POWER_LIMIT_MW 400000u

struct memory {
    unsigned long long total, free, used;
};
struct memory_v2 {
    unsigned version;
    unsigned long long total, reserved, free, used;
};
struct utilization {
    unsigned gpu, memory;
};

static ret memory_bytes(handle device, unsigned long long *bytes) {
    struct view view;
    ret result = view_open_device(&view, device);
    if (result != OK) return result;
    unsigned long long mb = (unsigned long long)view.gpu->memory_mb;
    if (view.gi) mb = profile_memory_mb(view.gpu, profile_by_id((unsigned)view.gi->profile_id));
    *bytes = mb << 20;
    return view_close(&view, 0, OK);
}

EXPORT ret nvmlDeviceGetMemoryInfo(handle device, struct memory *memory) {
    unsigned long long bytes = 0;
    ret result = memory ? memory_bytes(device, &bytes) : INVALID_ARGUMENT;
    if (result == OK) *memory = (struct memory){bytes, bytes, 0};
    return result;
}

EXPORT ret nvmlDeviceGetMemoryInfo_v2(handle device, struct memory_v2 *memory) {
    unsigned long long bytes = 0;
    if (memory && memory->version != (2u << 24 | sizeof *memory)) return ARGUMENT_VERSION_MISMATCH;
    ret result = memory ? memory_bytes(device, &bytes) : INVALID_ARGUMENT;
    if (result == OK) *memory = (struct memory_v2){memory->version, bytes, 0, bytes, 0};
    return result;
}

/* A number that is the same for every whole GPU; boards in MIG mode give no `hidden_by_mig` ones, as real ones do. */
static ret constant(handle device, unsigned value, int hidden_by_mig, unsigned *target) {
    struct view view;
    ret result = view_open(&view, device, GPU);
    if (result != OK) return result;
    if (hidden_by_mig && view.gpu->mig) return view_close(&view, 0, NOT_SUPPORTED);
    if (target) *target = value;
    return view_close(&view, 0, target ? OK : INVALID_ARGUMENT);
}

EXPORT ret nvmlDeviceGetUtilizationRates(handle device, struct utilization *rates) {
    ret result = constant(device, 0, 1, rates ? &rates->gpu : NULL);
    if (result == OK) rates->memory = 0;
    return result;
}

EXPORT ret nvmlDeviceGetTemperature(handle device, unsigned sensor, unsigned *celsius) {
    return sensor ? INVALID_ARGUMENT : constant(device, IDLE_TEMPERATURE_C, 0, celsius);
}

EXPORT ret nvmlDeviceGetPowerUsage(handle device, unsigned *milliwatts) {
    return constant(device, IDLE_POWER_MW, 0, milliwatts);
}

EXPORT ret nvmlDeviceGetEnforcedPowerLimit(handle device, unsigned *milliwatts) {
    return constant(device, POWER_LIMIT_MW, 0, milliwatts);
}

EXPORT ret nvmlDeviceGetComputeMode(handle device, unsigned *mode) { return constant(device, 0, 0, mode); }

EXPORT ret nvmlDeviceGetPersistenceMode(handle device, unsigned *mode) { return constant(device, 1, 0, mode); }
