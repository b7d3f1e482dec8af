// What the board counts, and the TELEM block byte by byte: docs/vau-link-1.md, section 4.5.
// It has no sensors: all presence bits are 0.
module telemetry (
    input  logic        clk,
    input  logic        reset,
    input  logic        frame,         // pulses: something happened
    input  logic        junk_chunk,
    input  logic [15:0] chunk_bytes,
    input  logic [15:0] decoded,
    input  logic        overrun,
    input  logic        replay,
    input  logic        seq_answered,
    input  logic        session_answered,
    input  logic        step_done,     // and how many cycles it took
    input  logic [31:0] step_cycles,
    input  logic        die_told,      // what a die counted in a step
    input  logic [23:0] mac_events,
    input  logic [15:0] chain_events,
    input  logic [15:0] cell_events,
    input  logic        memory_fault,
    input  logic        link_fault,
    input  logic        watchdog,
    input  logic        freeze,        // the uptime that is told next is that of now
    input  logic [6:0]  address,
    output logic [7:0]  data           // at once
);
    logic [31:0] frames, junk_chunks, junk_bytes, overruns, replays, seqs, sessions, longest;
    logic [63:0] steps, cycles, uptime, told_uptime;
    logic [31:0] macs, chains, cells, parity_errors, link_faults, watchdogs;

    wire [895:0] block = {
        told_uptime, watchdogs, link_faults, parity_errors, cells, chains, macs, cycles, steps,
        longest, sessions, seqs, replays, overruns, junk_bytes, junk_chunks, frames, 256'd0
    };

    assign data = block[{address, 3'd0}+:8];

    always_ff @(posedge clk) begin
        if (reset) begin
            frames <= 32'd0;
            junk_chunks <= 32'd0;
            junk_bytes <= 32'd0;
            overruns <= 32'd0;
            replays <= 32'd0;
            seqs <= 32'd0;
            sessions <= 32'd0;
            longest <= 32'd0;
            steps <= 64'd0;
            cycles <= 64'd0;
            macs <= 32'd0;
            chains <= 32'd0;
            cells <= 32'd0;
            parity_errors <= 32'd0;
            link_faults <= 32'd0;
            watchdogs <= 32'd0;
            uptime <= 64'd0;
        end else begin
            uptime <= uptime + 64'd1;
            if (freeze) told_uptime <= uptime;
            if (frame) begin
                frames <= frames + 32'd1;
                if (32'(decoded) > longest) longest <= 32'(decoded);
            end
            if (junk_chunk) begin
                junk_chunks <= junk_chunks + 32'd1;
                junk_bytes <= junk_bytes + 32'(chunk_bytes);
            end
            if (overrun) overruns <= overruns + 32'd1;
            if (replay) replays <= replays + 32'd1;
            if (seq_answered) seqs <= seqs + 32'd1;
            if (session_answered) sessions <= sessions + 32'd1;
            if (step_done) begin
                steps <= steps + 64'd1;
                cycles <= cycles + 64'(step_cycles);
            end
            if (die_told) begin
                macs <= macs + 32'(mac_events);
                chains <= chains + 32'(chain_events);
                cells <= cells + 32'(cell_events);
            end
            if (memory_fault) parity_errors <= parity_errors + 32'd1;
            if (link_fault) link_faults <= link_faults + 32'd1;
            if (watchdog) watchdogs <= watchdogs + 32'd1;
        end
    end
endmodule
