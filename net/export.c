// SPDX-License-Identifier: GPL-2.0
/* What transports in modules of their own may use: transport.h. */
#include "transport.h"

EXPORT_SYMBOL_GPL(prpc_io_wq);
EXPORT_SYMBOL_GPL(prpc_reply_begin);
EXPORT_SYMBOL_GPL(prpc_call_complete);
EXPORT_SYMBOL_GPL(prpc_call_sent);
EXPORT_SYMBOL_GPL(prpc_callback_in);
EXPORT_SYMBOL_GPL(prpc_conn_down);
EXPORT_SYMBOL_GPL(prpc_conn_count);
EXPORT_SYMBOL_GPL(prpc_conn_failed);
EXPORT_SYMBOL_GPL(prpc_conn_name);
EXPORT_SYMBOL_GPL(prpc_call_refuse);
EXPORT_SYMBOL_GPL(prpc_gpu_register);
EXPORT_SYMBOL_GPL(prpc_gpu_unregister);
EXPORT_SYMBOL_GPL(prpc_gpu_get);
EXPORT_SYMBOL_GPL(prpc_gpu_put);
EXPORT_SYMBOL_GPL(prpc_transport_register);
EXPORT_SYMBOL_GPL(prpc_transport_unregister);
