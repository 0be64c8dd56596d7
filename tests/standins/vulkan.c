/* A STAND-IN for the Vulkan loader, for tests only: one device, a CPU, whose features are those of the
 * environment's STANDIN_FEATURES, 55 digits as VkPhysicalDeviceFeatures has them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int vkCreateInstance(const void* info, const void* allocator, void** instance) {
  (void)info, (void)allocator;
  *instance = malloc(1);
  return 0;
}

void vkDestroyInstance(void* instance, const void* allocator) {
  (void)allocator;
  free(instance);
}

int vkEnumeratePhysicalDevices(void* instance, uint32_t* count, void** devices) {
  if (devices) devices[0] = instance;
  *count = 1;
  return 0;
}

void vkGetPhysicalDeviceProperties(void* device, void* properties) {
  const uint32_t head[5] = {0, 0, 0, 0, 4};
  (void)device;
  memcpy(properties, head, sizeof head);
  strcpy((char*)properties + sizeof head, "stand-in");
}

void vkGetPhysicalDeviceFeatures(void* device, uint32_t* features) {
  const char* digits = getenv("STANDIN_FEATURES");
  (void)device;
  for (int i = 0; i < 55; i++) features[i] = digits[i] == '1';
}
