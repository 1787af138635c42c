/** @file
 * Networks in files: safetensors, in Lanefold's own form or as a state_dict of PyTorch, and ONNX.
 *
 * This header belongs to a library of its own, liblanefold_model (pkg-config: lanefold-model).  It parses files, which
 * liblanefold never does.  An lf_model is what a file says.  lf_model_create_network() makes a network for inference
 * from it, and lf_model_get_layer() lends its layers, for training or for any other use.
 *
 * The library trusts no file.  Whatever a file holds, a call returns a status, and a message that names the file and
 * the place.  Memory is in proportion to the size of the file.
 */
#ifndef LANEFOLD_MODEL_H
#define LANEFOLD_MODEL_H

#include <lanefold/lanefold.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A network as a file holds it: layers, names, and what else was stored with them. */
typedef struct lf_model lf_model;

/** @name File formats
 * @{
 */
#define LF_FORMAT_GUESSED 0     /**< Tell it from the content, or in writing from the end of the name. */
#define LF_FORMAT_SAFETENSORS 1 /**< safetensors with a description of the network, as Lanefold writes it */
#define LF_FORMAT_STATE_DICT 2  /**< safetensors with the state_dict of a PyTorch module */
#define LF_FORMAT_ONNX 3        /**< ONNX */
/** @} */

/** Skip tensors that the network does not use, and list them in a note.  Without this flag they are an error. */
#define LF_SKIP_FOREIGN_TENSORS 0x100u

/** Before writing, fold normalizations and layers without a product as lf_model_create_network() does.  The file then
 * has no texts, and no tensors but the parameters. */
#define LF_FOLDED 0x200u

/** Make a network without the softmax or log-softmax that may follow its last layer. */
#define LF_LOGITS 0x400u

/** The arguments of lf_model_open(). */
typedef struct lf_model_open_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< LF_SKIP_FOREIGN_TENSORS */
  const char *path;     /**< the file; NULL: the content is in data */
  const void *data;     /**< the content of a file, which must stay unchanged until the model is destroyed; only read if
                            path is NULL */
  uint64_t size;        /**< the bytes of data */
  int32_t format;       /**< LF_FORMAT_GUESSED, for example */
  uint32_t reserved;    /**< Must be 0. */
  /** The description of the network as JSON, in the form of docs/guide/models.md.  It is for a state_dict without one,
   * and an error for other files.  NULL: the file has a description. */
  const char *network;
  char *message; /**< Receives the message of an error, cut to message_size bytes and ended by 0; may be NULL. */
  uint64_t message_size; /**< the size of message, in bytes */
} lf_model_open_args;

/**
 * Reads a file, checks all of it, and stores the model in *model.  On an error *model is NULL.
 *
 * The file is mapped, not copied, and must not shrink while the model exists.  Tensors of 32-bit floats are used where
 * they lie; other types are converted, and a note says so.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT (also for a file that is missing, damaged or not a network), LF_UNSUPPORTED (for a
 * network that Lanefold cannot compute) or LF_OUT_OF_MEMORY.  [thread-safe]
 */
LF_API lf_status lf_model_open(const lf_model_open_args *args, lf_model **model);

/** Frees a model, which may be NULL, and everything that it lent.  [thread-safe on different models] */
LF_API void lf_model_destroy(lf_model *model);

/** What a model is.  All pointers are valid until the model is changed or destroyed. */
typedef struct lf_model_info {
  uint32_t struct_size;             /**< The size of this struct, in bytes. */
  int32_t format;                   /**< LF_FORMAT_ONNX, for example */
  int64_t features;                 /**< the columns of the input */
  int64_t outputs;                  /**< the columns of the output */
  int64_t layers;                   /**< the number of layers */
  int32_t output;                   /**< LF_OUTPUT_SOFTMAX, for example: what follows the last layer */
  uint32_t reserved;                /**< 0 */
  const char *producer;             /**< the program that wrote the file; "" if the file does not say */
  const char *const *feature_names; /**< one for each feature; NULL if the file has none */
  const char *const *class_names; /**< one for each class; NULL if the file has none.  Two classes may share one output:
                                       the probability of the second one. */
  int64_t classes;                /**< the number of class_names, or 0 */
  const char *const *notes;       /**< What was converted, skipped or left out, a sentence each. */
  int64_t note_count;             /**< the number of notes */
} lf_model_info;

/** Describes a model.  Returns LF_OK or LF_INVALID_ARGUMENT.  [thread-safe] */
LF_API lf_status lf_model_get_info(const lf_model *model, lf_model_info *info);

/**
 * Writes a description of the whole model to text, as JSON: format, producer, features, outputs, layers, output, names
 * and notes.  If the file says how and on what the network was trained, the description has that, too.  The text is cut to size
 * bytes and ended by 0.  *needed, unless needed is NULL, gets the size of the whole text.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT or LF_OUT_OF_MEMORY.  [thread-safe]
 */
LF_API lf_status lf_model_describe(const lf_model *model, char *text, uint64_t size, uint64_t *needed);

/**
 * Lends layer `index`, from 0.  The caller sets the struct_size of both structs, whose pointers then point into the
 * model.  Weights may be stored transposed, and a layer may have no product: see layer->flags.  layer->batch_norm is
 * batch_norm, or NULL.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT or LF_OUT_OF_MEMORY.  [thread-safe]
 */
LF_API lf_status lf_model_get_layer(const lf_model *model, int64_t index, lf_network_layer *layer,
                                    lf_batch_norm *batch_norm);

/** Named floats that are stored beside the network, such as the state of an optimizer. */
typedef struct lf_model_tensor {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  int32_t rank;         /**< the number of dimensions, 1 or 2 */
  const char *name;     /**< "layers.0.w.m", for example */
  int64_t rows;         /**< the first dimension */
  int64_t columns;      /**< the second dimension; 1 if rank is 1 */
  const float *values;  /**< rows x columns, row by row */
} lf_model_tensor;

/**
 * Lends the tensor of this name.  Returns LF_OK, LF_INVALID_ARGUMENT if there is none, or LF_OUT_OF_MEMORY.
 * [thread-safe]
 */
LF_API lf_status lf_model_get_tensor(const lf_model *model, const char *name, lf_model_tensor *tensor);

/** The key of a text that says what a network was trained on.  Unlike other texts, it is stored in every format. */
#define LF_DATA_TEXT "lanefold.data"

/** Lends the text that is stored under a key, such as "training"; NULL if there is none.  [thread-safe] */
LF_API const char *lf_model_get_text(const lf_model *model, const char *key);

/** The arguments of lf_model_create_network(). */
typedef struct lf_model_network_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< LF_LOGITS */
  char *message;        /**< Receives the message of an error, cut to message_size bytes and ended by 0; may be NULL. */
  uint64_t message_size; /**< the size of message, in bytes */
} lf_model_network_args;

/**
 * Makes a network for inference from the model.  A layer without a product is folded into a neighbour if no activation
 * lies between them and folding loses few digits; otherwise it stays a layer.  Until the network is ready, the call
 * needs memory for one more copy of the weights at most.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, LF_UNSUPPORTED or LF_OUT_OF_MEMORY.  [thread-safe]
 */
LF_API lf_status lf_model_create_network(lf_context *context, const lf_model *model, const lf_model_network_args *args,
                                         lf_network **network);

/** The arguments of lf_model_create(). */
typedef struct lf_model_create_args {
  uint32_t struct_size;             /**< The size of this struct, in bytes. */
  uint32_t flags;                   /**< Must be 0. */
  const lf_network_args *network;   /**< the layers, and what follows the last one; the model keeps copies */
  const char *const *feature_names; /**< one for each feature; NULL: none */
  const char *const *class_names;   /**< `classes` names; NULL: none */
  int64_t classes;                  /**< the number of class_names: the outputs, or 2 with one logistic output */
  char *message; /**< Receives the message of an error, cut to message_size bytes and ended by 0; may be NULL. */
  uint64_t message_size; /**< the size of message, in bytes */
} lf_model_create_args;

/**
 * Makes a model from layers, to write it.  Every value must be finite.  On an error *model is NULL.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, LF_UNSUPPORTED or LF_OUT_OF_MEMORY.  [thread-safe]
 */
LF_API lf_status lf_model_create(const lf_model_create_args *args, lf_model **model);

/**
 * Stores a text under a key, for lf_model_save() in the format LF_FORMAT_SAFETENSORS.  "format", "numeric_version" and
 * "tensors" are reserved, and a text "network" must describe the layers.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT or LF_OUT_OF_MEMORY.  [thread-safe on different models]
 */
LF_API lf_status lf_model_set_text(lf_model *model, const char *key, const char *text);

/**
 * Stores a tensor, of which the model keeps a copy, for lf_model_save() in the format LF_FORMAT_SAFETENSORS.  It may
 * have any name but that of a parameter.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT or LF_OUT_OF_MEMORY.  [thread-safe on different models]
 */
LF_API lf_status lf_model_set_tensor(lf_model *model, const lf_model_tensor *tensor);

/** The arguments of lf_model_save(). */
typedef struct lf_model_save_args {
  uint32_t struct_size; /**< The size of this struct, in bytes. */
  uint32_t flags;       /**< LF_FOLDED */
  const char *path;     /**< the file to write */
  int32_t format;       /**< LF_FORMAT_GUESSED, for example */
  uint32_t reserved;    /**< Must be 0. */
  char *message;        /**< Receives the message of an error, cut to message_size bytes and ended by 0; may be NULL. */
  uint64_t message_size; /**< the size of message, in bytes */
} lf_model_save_args;

/**
 * Writes a model.  The file is replaced as a whole: `path` names the complete old file or the complete new one.
 * Folding uses the context, which may be NULL otherwise.
 *
 * Returns LF_OK, LF_INVALID_ARGUMENT, LF_UNSUPPORTED or LF_OUT_OF_MEMORY.  [thread-safe]
 */
LF_API lf_status lf_model_save(lf_context *context, const lf_model *model, const lf_model_save_args *args);

#ifdef __cplusplus
}
#endif

#endif
