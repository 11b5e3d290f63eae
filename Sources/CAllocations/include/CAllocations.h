#ifndef C_ALLOCATIONS_H
#define C_ALLOCATIONS_H

/// How often this program has asked for memory since it began.
unsigned long portcullis_allocation_count(void);

#endif
