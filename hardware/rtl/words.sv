// The numbers of docs/vau-link-1.md, sections 4 and 5.
package words;
    localparam logic [7:0] INFO = 8'h01, OPEN = 8'h02, CLOSE = 8'h03;
    localparam logic [7:0] CONFIG = 8'h10, WRITE = 8'h11, READ = 8'h12, SUM = 8'h13;
    localparam logic [7:0] STEP = 8'h20, STEP_N = 8'h21;
    localparam logic [7:0] STATE_RESET = 8'h22, STATE_GET = 8'h23, STATE_SET = 8'h24;
    localparam logic [7:0] TELEM = 8'h30, RESET = 8'h3F, JUNK = 8'hFF;

    localparam logic [7:0] OK = 8'd0, CRC = 8'd2, SEQ = 8'd3, SESSION = 8'd4, RANGE = 8'd5, STATE = 8'd6;
    localparam logic [7:0] UNSUPPORTED = 8'd7, OVERRUN = 8'd8, MEM = 8'd9, FAULT = 8'd10, VERSION = 8'd11;
endpackage
