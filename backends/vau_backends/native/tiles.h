/* What AMX calls a tile, for those who lay numbers out for it on any processor. */
#ifndef VAU_TILES_H
#define VAU_TILES_H

enum { AMX_TILES = 8, AMX_ROWS = 16, AMX_ROW_BYTES = 64 };

#endif
