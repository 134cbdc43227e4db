/* Return codes in NVML's words. */
#include "api.h"

static const struct {
    ret code;
    const char *text;
} texts[] = {
    {OK, "The operation was successful"},
    {UNINITIALIZED, "Uninitialized"},
    {INVALID_ARGUMENT, "Invalid Argument"},
    {NOT_SUPPORTED, "Not Supported"},
    {NOT_FOUND, "Not Found"},
    {INSUFFICIENT_SIZE, "Insufficient Size"},
    {DRIVER_NOT_LOADED, "Driver Not Loaded"},
    {TIMEOUT, "Timeout"},
    {GPU_IS_LOST, "GPU is lost"},
    {OPERATING_SYSTEM, "The operating system has blocked the request."},
    {LIB_RM_VERSION_MISMATCH, "RM has detected an NVML/RM version mismatch."},
    {IN_USE, "In use by another client"},
    {MEMORY, "Insufficient Memory"},
    {INSUFFICIENT_RESOURCES, "Insufficient Resources"},
    {ARGUMENT_VERSION_MISMATCH, "The provided version is invalid/unsupported"},
};

EXPORT const char *nvmlErrorString(ret code) {
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].code == code) return texts[i].text;
    return "Unknown Error";
}
