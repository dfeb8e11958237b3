// flowlogs: AWS VPC and transit gateway flow logs of every version, read at the speed of memory.
#ifndef FLOWLOGS_FLOWLOGS_H_
#define FLOWLOGS_FLOWLOGS_H_

#include "flowlogs/io/input.h"
#include "flowlogs/io/source.h"
#include "flowlogs/parse/record.h"
#include "flowlogs/parse/records.h"
#include "flowlogs/parse/stats.h"
#include "flowlogs/query/arrow.h"
#include "flowlogs/query/query.h"
#include "flowlogs/query/table.h"
#include "flowlogs/schema/address.h"
#include "flowlogs/schema/field.h"
#include "flowlogs/schema/format.h"
#include "flowlogs/schema/value.h"
#include "flowlogs/schema/writer.h"
#include "flowlogs/synth/generator.h"

#endif  // FLOWLOGS_FLOWLOGS_H_
