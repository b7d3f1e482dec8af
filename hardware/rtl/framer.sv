// Sends a reply: header and payload in, delimiter, COBS, CRC and delimiter out.
//
// First the encoded frame is built in a buffer, one byte per cycle: a block's code byte is
// written when its end is known. Then it leaves. Ref: docs/vau-link-1.md, section 1.
module framer #(
    parameter int MAX_PAYLOAD = 1024
) (
    input  logic         clk,
    input  logic         reset,
    input  logic         send,
    input  logic [127:0] header,
    output logic         busy,
    output logic [15:0]  payload_address, // its byte is wanted in the next cycle
    input  logic [7:0]   payload,
    output logic         out_valid,
    input  logic         out_ready,
    output logic [7:0]   out_data
);
    localparam int BYTES = MAX_PAYLOAD + 20 + (MAX_PAYLOAD + 20) / 254 + 2;
    localparam int ADDRESS = $clog2(BYTES);

    localparam logic [2:0] IDLE = 3'd0;
    localparam logic [2:0] FETCH = 3'd1;  // the first byte of the payload is on its way
    localparam logic [2:0] ENCODE = 3'd2;
    localparam logic [2:0] FULL = 3'd3;   // a block of 254 bytes has ended
    localparam logic [2:0] CLOSE = 3'd4;  // the last block gets its code
    localparam logic [2:0] LEAD = 3'd5;   // the delimiter before
    localparam logic [2:0] LEAVE = 3'd6;
    localparam logic [2:0] TRAIL = 3'd7;  // the delimiter behind

    logic [2:0]         state;
    logic [15:0]        at;       // which byte of header, payload and CRC
    logic [31:0]        crc;
    logic [ADDRESS-1:0] block;    // where the code of the present block goes
    logic [ADDRESS-1:0] tail;     // where the next byte goes
    logic [7:0]         code;     // 1 more than the bytes of the block so far
    logic [ADDRESS-1:0] leaving;

    wire [15:0] payload_end = header[95:80] + 16'd16;
    wire [15:0] ends = payload_end + 16'd4;
    wire in_crc = at >= payload_end;
    wire [31:0] inverted = ~crc;
    wire [1:0] crc_byte = at[1:0] - payload_end[1:0];
    wire [7:0] here = at < 16'd16 ? header[{at[3:0], 3'd0}+:8]
        : in_crc ? inverted[{crc_byte, 3'd0}+:8] : payload;

    wire encodes = state == ENCODE && at != ends;
    wire zero = here == 8'd0;
    wire patches = (encodes && zero) || state == FULL || state == CLOSE;

    // One byte ahead: the payload's memory answers in the next cycle.
    assign payload_address = (encodes ? at + 16'd1 : at) - 16'd16;
    assign busy = state != IDLE;

    logic [7:0] buffered;
    byte_memory #(.BYTES(BYTES)) buffer (
        .clk, .write(patches || encodes), .write_address(patches ? block : tail),
        .write_data(patches ? code : here),
        .read_address(state == LEAVE && out_ready ? leaving + 1'b1 : leaving), .read_data(buffered)
    );

    assign out_valid = state == LEAD || state == LEAVE || state == TRAIL;
    assign out_data = state == LEAVE ? buffered : 8'd0;

    always_ff @(posedge clk) begin
        if (reset) state <= IDLE;
        else case (state)
            IDLE: if (send) begin
                state <= FETCH;
                at <= 16'd0;
                crc <= checksum::BEGIN;
                block <= '0;
                tail <= ADDRESS'(1);
                code <= 8'd1;
                leaving <= '0;
            end
            FETCH: state <= ENCODE;
            ENCODE: if (at == ends) state <= CLOSE;
                else begin
                    at <= at + 16'd1;
                    if (!in_crc) crc <= checksum::next(crc, here);
                    tail <= tail + 1'b1;
                    if (zero) begin
                        block <= tail;
                        code <= 8'd1;
                    end else begin
                        code <= code + 8'd1;
                        if (code == 8'd254) state <= FULL;
                    end
                end
            FULL: begin
                // Nothing follows only if the frame ends here; then the block was the last.
                block <= tail;
                tail <= at == ends ? tail : tail + 1'b1;
                code <= 8'd1;
                state <= at == ends ? LEAD : ENCODE;
            end
            CLOSE: state <= LEAD;
            LEAD: if (out_ready) state <= LEAVE;
            LEAVE: if (out_ready) begin
                leaving <= leaving + 1'b1;
                if (leaving + 1'b1 == tail) state <= TRAIL;
            end
            default: if (out_ready) state <= IDLE;
        endcase
    end
endmodule
