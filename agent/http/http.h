/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HTTP_H
#define HTTP_H

/*
 * http: the two ends of HTTP.
 *
 *   client/  sends requests to one place: profiles to a collector, questions to Docker and the kubelet
 *   server/  answers requests: for the collector, and for the agent's metrics and health
 */

#include "agent/http/client/client.h"
#include "agent/http/server/server.h"

#endif
