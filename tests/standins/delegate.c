/* A STAND-IN for an accelerator's delegate library, for tests only: no hardware is behind it.
 *
 * It takes the ops it is told to and fills their outputs with zeros, so its figures mean nothing. Loaded
 * with load_delegate as any external delegate, also in the place of libedgetpu. Options:
 *   claims = "edgetpu-custom-op"   custom op to take (the default), or
 *   claims_builtin = "9"           number of the builtin op to take, "all" for every op
 *   slow_us, print_mb              microseconds each inference takes, megabytes written while loading
 *   fail = "load" "prepare" "invoke" "crash" "crash_invoke" "hang" "hang_invoke" "leak" "none"
 *   device                         as libedgetpu takes it; "usb:7" is a device that is not there
 *
 * The declarations are the part of TensorFlow Lite's C interface for delegates that is used here
 * (tensorflow/lite/core/c/common.h, delegates/external). Structs that the runtime passes by value are as
 * long as in its newest version.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { kAllowDynamicTensors = 1 };
typedef enum { kOk = 0, kError = 1 } TfLiteStatus;
typedef struct { int size; int data[]; } TfLiteIntArray;

typedef struct {
  int type;
  void* data;
  TfLiteIntArray* dims;
  struct { float scale; int32_t zero_point; } params;
  int allocation_type;
  size_t bytes;
  const void* allocation;
  const char* name;
  void* delegate;
  int buffer_handle;
  bool data_is_stale, is_variable;
  struct { int type; void* params; } quantization;
  void* sparsity;
  const TfLiteIntArray* dims_signature;
} TfLiteTensor;

typedef struct {
  TfLiteIntArray *inputs, *outputs, *intermediates, *temporaries;
  void *user_data, *builtin_data;
} TfLiteNode; /* only its beginning: nodes are never made or copied here */

struct TfLiteContext;
typedef struct {
  void* (*init)(struct TfLiteContext*, const char*, size_t);
  void (*free)(struct TfLiteContext*, void*);
  TfLiteStatus (*prepare)(struct TfLiteContext*, TfLiteNode*);
  TfLiteStatus (*invoke)(struct TfLiteContext*, TfLiteNode*);
  const char* (*profiling_string)(const struct TfLiteContext*, const TfLiteNode*);
  int32_t builtin_code;
  const char* custom_name;
  int version;
  void* registration_external;
  void* async_kernel;
  uint64_t inplace_operator;
} TfLiteRegistration;

typedef struct TfLiteDelegate {
  void* data;
  TfLiteStatus (*Prepare)(struct TfLiteContext*, struct TfLiteDelegate*);
  void *copy_from_buffer_handle, *copy_to_buffer_handle, *free_buffer_handle;
  int64_t flags;
  void* opaque_delegate_builder;
} TfLiteDelegate;

typedef struct TfLiteContext {
  size_t tensors_size;
  TfLiteStatus (*GetExecutionPlan)(struct TfLiteContext*, TfLiteIntArray**);
  TfLiteTensor* tensors;
  void* impl;
  void* ResizeTensor;
  void (*ReportError)(struct TfLiteContext*, const char*, ...);
  void* AddTensors;
  TfLiteStatus (*GetNodeAndRegistration)(struct TfLiteContext*, int, TfLiteNode**, TfLiteRegistration**);
  TfLiteStatus (*ReplaceNodeSubsetsWithDelegateKernels)(struct TfLiteContext*, TfLiteRegistration,
                                                        const TfLiteIntArray*, TfLiteDelegate*);
} TfLiteContext; /* only its beginning */

typedef void (*ReportError)(const char*);

static const char* claims = "edgetpu-custom-op";
static const char* claims_builtin = "";
static const char* fail = "";
static const char* device = "";
static long slow_us = 0, print_mb = 0;

static bool fails(const char* how) { return strcmp(fail, how) == 0; }

static void hang(void) {
  for (;;) pause();
}

static void print(void) {
  char line[1025];
  memset(line, 'x', sizeof line - 1);
  line[sizeof line - 1] = '\n';
  for (long i = 0; i < print_mb * 1024; i++) fwrite(line, sizeof line, 1, stderr);
}

static void leak(void) {
  for (;;) { /* until the limit the test has set, at which a real driver would be killed */
    char* block = malloc(1 << 24);
    if (block == NULL) raise(SIGKILL);
    memset(block, 1, 1 << 24);
  }
}

static bool takes(const TfLiteRegistration* op) {
  if (fails("none")) return false;
  if (strcmp(claims_builtin, "all") == 0) return true;
  if (op->custom_name != NULL) return strcmp(op->custom_name, claims) == 0;
  return *claims_builtin && atoi(claims_builtin) == op->builtin_code;
}

static void* kernel_init(TfLiteContext* context, const char* buffer, size_t length) {
  (void)context, (void)buffer, (void)length;
  return NULL;
}

static void kernel_free(TfLiteContext* context, void* kernel) { (void)context, (void)kernel; }

static TfLiteStatus kernel_prepare(TfLiteContext* context, TfLiteNode* node) {
  (void)node;
  if (!fails("prepare")) return kOk;
  context->ReportError(context,
                       "Failed to prepare for TPU. Failed precondition: Package requires runtime version "
                       "(14), which is newer than this runtime version (13).");
  return kError;
}

static TfLiteStatus kernel_invoke(TfLiteContext* context, TfLiteNode* node) {
  if (fails("crash_invoke")) raise(SIGSEGV);
  if (fails("hang_invoke")) hang();
  if (fails("leak")) leak();
  if (fails("invoke")) {
    context->ReportError(context, "Edge TPU is not ready.");
    return kError;
  }
  if (slow_us) usleep((useconds_t)slow_us);
  for (int i = 0; i < node->outputs->size; i++) {
    TfLiteTensor* output = &context->tensors[node->outputs->data[i]];
    if (output->data != NULL) memset(output->data, 0, output->bytes);
  }
  return kOk;
}

static TfLiteStatus prepare(TfLiteContext* context, TfLiteDelegate* delegate) {
  TfLiteIntArray* plan;
  if (context->GetExecutionPlan(context, &plan) != kOk) return kError;
  TfLiteIntArray* taken = calloc(1, sizeof(TfLiteIntArray) + sizeof(int) * (size_t)plan->size);
  for (int i = 0; i < plan->size; i++) {
    TfLiteNode* node;
    TfLiteRegistration* op;
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &op) != kOk) return kError;
    if (takes(op)) taken->data[taken->size++] = plan->data[i];
  }
  TfLiteRegistration kernel;
  memset(&kernel, 0, sizeof kernel);
  kernel.init = kernel_init;
  kernel.free = kernel_free;
  kernel.prepare = kernel_prepare;
  kernel.invoke = kernel_invoke;
  kernel.custom_name = "stand-in";
  kernel.version = 1;
  TfLiteStatus status = kOk;
  if (taken->size)
    status = context->ReplaceNodeSubsetsWithDelegateKernels(context, kernel, taken, delegate);
  free(taken);
  return status;
}

TfLiteDelegate* tflite_plugin_create_delegate(char** keys, char** values, size_t count, ReportError report) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(keys[i], "claims") == 0) claims = strdup(values[i]);
    if (strcmp(keys[i], "claims_builtin") == 0) claims_builtin = strdup(values[i]);
    if (strcmp(keys[i], "fail") == 0) fail = strdup(values[i]);
    if (strcmp(keys[i], "device") == 0) device = strdup(values[i]);
    if (strcmp(keys[i], "slow_us") == 0) slow_us = atol(values[i]);
    if (strcmp(keys[i], "print_mb") == 0) print_mb = atol(values[i]);
  }
  print();
  if (fails("crash")) raise(SIGSEGV);
  if (fails("hang")) hang();
  if (fails("load")) {
    report("the stand-in was told to refuse");
    return NULL;
  }
  if (strcmp(device, "usb:7") == 0) return NULL; /* as libedgetpu: without a word */
  TfLiteDelegate* delegate = calloc(1, sizeof *delegate);
  delegate->Prepare = prepare;
  delegate->flags = kAllowDynamicTensors; /* as libedgetpu: else the runtime prepares custom ops first */
  return delegate;
}

void tflite_plugin_destroy_delegate(TfLiteDelegate* delegate) { free(delegate); }

/* As libedgetpu's edgetpu_c.h. */
const char* edgetpu_version(void) { return "BuildLabel(COMPILER=STAND-IN), RuntimeVersion(14)"; }
