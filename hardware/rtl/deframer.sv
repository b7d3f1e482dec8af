// Takes frames out of the byte stream: COBS off, CRC checked, header and payload stored.
//
// A chunk that is not empty is reported at its delimiter, as a frame or as junk, and held until
// it is released; no byte is taken meanwhile. Ref: docs/vau-link-1.md, section 1.
module deframer #(
    parameter int MAX_PAYLOAD = 1024
) (
    input  logic         clk,
    input  logic         reset,
    input  logic         in_valid,
    output logic         in_ready,
    input  logic [7:0]   in_data,
    output logic         held,       // a chunk is there
    output logic         junk,       // and it is no frame
    output logic [15:0]  chunk_bytes, // encoded, for the count of junk
    output logic [15:0]  decoded,    // bytes, header and CRC included
    input  logic         release_it,
    output logic [127:0] header,     // byte 0 lowest
    output logic [127:0] opening,    // the first 16 bytes of the payload and what follows it
    input  logic [$clog2(MAX_PAYLOAD + 4)-1:0] payload_address,
    output logic [7:0]   payload     // in the next cycle
);
    localparam int ADDRESS = $clog2(MAX_PAYLOAD + 4);
    localparam logic [15:0] MOST = 16'(MAX_PAYLOAD + 20);

    logic [7:0]  block_left;  // bytes until the next code byte
    logic        owes_zero;   // a 0 stands behind this block, unless it is the last
    logic [31:0] crc;

    wire take = in_valid && in_ready;
    wire delimiter = take && in_data == 8'd0;
    wire code = take && !delimiter && block_left == 8'd0;
    wire literal = take && !delimiter && block_left != 8'd0;
    wire emits = literal || (code && owes_zero);
    wire [7:0] emitted = literal ? in_data : 8'd0;
    wire [15:0] payload_at = decoded - 16'd16;

    assign in_ready = !held;

    // A literal 0 in a block cannot be: it would be a delimiter.
    wire is_frame = block_left == 8'd0 && decoded >= 16'd20 && decoded <= MOST
        && crc == checksum::RESIDUE && header[95:80] == decoded - 16'd20;

    always_ff @(posedge clk) begin
        if (reset || (held && release_it) || (delimiter && chunk_bytes == 16'd0)) begin
            held <= 1'b0;
            block_left <= 8'd0;
            owes_zero <= 1'b0;
            chunk_bytes <= 16'd0;
            decoded <= 16'd0;
            crc <= checksum::BEGIN;
        end else if (delimiter) begin
            held <= 1'b1;
            junk <= !is_frame;
        end else if (take) begin
            if (chunk_bytes != '1) chunk_bytes <= chunk_bytes + 16'd1;
            block_left <= code ? in_data - 8'd1 : block_left - 8'd1;
            if (code) owes_zero <= in_data != 8'd255;
            if (emits) begin
                crc <= checksum::next(crc, emitted);
                if (decoded <= MOST) decoded <= decoded + 16'd1;
                if (decoded < 16'd16) header <= {emitted, header[127:8]};
                else if (decoded < 16'd32) opening[{decoded[3:0], 3'd0}+:8] <= emitted;
            end
        end
    end

    byte_memory #(.BYTES(MAX_PAYLOAD + 4)) payload_memory (
        .clk, .write(emits && decoded >= 16'd16 && decoded < MOST),
        .write_address(payload_at[ADDRESS-1:0]), .write_data(emitted),
        .read_address(payload_address), .read_data(payload)
    );
endmodule
