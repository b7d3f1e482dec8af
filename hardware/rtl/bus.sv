// What the host says to the dies over the in-bus. A command byte (line `command` high) begins an
// instruction; the argument and data bytes behind it have `command` low. Numbers: low byte first.
package bus;
    localparam logic [7:0] NONE = 8'd0;    // nothing; ends a WRITE
    localparam logic [7:0] SELECT = 8'd1;  // row, column: who listens from now on; 255 is any
    localparam logic [7:0] CONFIG = 8'd2;  // columns, nu, own units, nx, nh, NI 2, NH 2
    localparam logic [7:0] CLEAR = 8'd3;   // context: zeros into features, h and c of it
    localparam logic [7:0] WRITE = 8'd4;   // region, address 2, data ...
    localparam logic [7:0] READ = 8'd5;    // region, address 2, bytes 2: answered over `back`
    localparam logic [7:0] START = 8'd6;   // context; then x follows at once

    // Regions. 0 to 4 are those of docs/vau-link-1.md.
    localparam logic [7:0] WEIGHTS = 8'd0;
    localparam logic [7:0] BIASES = 8'd1;
    localparam logic [7:0] FEATURES = 8'd2;
    localparam logic [7:0] HIDDEN = 8'd3;
    localparam logic [7:0] TABLES = 8'd4;
    localparam logic [7:0] CELLS = 8'd6;   // c, address is the unit, 2 bytes each
    localparam logic [7:0] STATUS = 8'd7;  // 12 bytes; reading them clears what they say

    localparam logic [7:0] ANY = 8'd255;
endpackage
