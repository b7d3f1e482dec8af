// The phases of a step, in their order, as docs/vau-link-1.md numbers them.
package phases;
    localparam logic [3:0] IDLE = 4'd0;
    localparam logic [3:0] X = 4'd1;
    localparam logic [3:0] BIAS = 4'd2;
    localparam logic [3:0] MAC = 4'd3;
    localparam logic [3:0] DRAIN = 4'd4;
    localparam logic [3:0] PSUM = 4'd5;
    localparam logic [3:0] ACT = 4'd6;
    localparam logic [3:0] ACT_DRAIN = 4'd7;
    localparam logic [3:0] CELL = 4'd8;
    localparam logic [3:0] CELL_DRAIN = 4'd9;
    localparam logic [3:0] H = 4'd10;
endpackage
