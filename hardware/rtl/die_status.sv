// What a die has to say of its last step: what it found broken, first find first, and how many
// clamps changed a value.
module die_status (
    input  logic        clk,
    input  logic        reset,
    input  logic        start,       // of a step: the counts begin anew
    input  logic        read,        // the finds have been told
    input  logic [3:0]  phase,
    input  logic [1:0]  gate,
    input  logic        memory_bad,
    input  logic [7:0]  region,
    input  logic [15:0] row,
    input  logic        link_bad,
    input  logic [7:0]  mac_events,
    input  logic        chain_event,
    input  logic        cell_event,
    output logic [95:0] status       // byte 0 lowest: see below
);
    logic        memory_fault, link_fault;
    logic [7:0]  memory_region;
    logic [15:0] memory_row;
    logic [5:0]  where;
    logic [23:0] macs;
    logic [15:0] chain, cells;

    assign status = {
        cells, chain, macs,                           // bytes 10, 8, 5
        2'd0, where[5:4], where[3:0],                 // 4: gate, phase
        memory_row, memory_region,                    // 2, 1
        6'd0, link_fault, memory_fault                // 0
    };

    always_ff @(posedge clk) begin
        if (reset) begin
            memory_fault <= 1'b0;
            link_fault <= 1'b0;
            memory_region <= 8'd0;
            memory_row <= 16'd0;
            where <= 6'd0;
        end else begin
            if (read) begin
                memory_fault <= 1'b0;
                link_fault <= 1'b0;
            end
            if (memory_bad && !memory_fault) begin
                memory_fault <= 1'b1;
                memory_region <= region;
                memory_row <= row;
            end
            if (link_bad && !link_fault) begin
                link_fault <= 1'b1;
                where <= {gate, phase};
            end
        end
        if (reset || start) begin
            macs <= 24'd0;
            chain <= 16'd0;
            cells <= 16'd0;
        end else begin
            if (mac_events != 8'd0) macs <= macs + 24'(mac_events);
            if (chain_event) chain <= chain + 16'd1;
            if (cell_event) cells <= cells + 16'd1;
        end
    end
endmodule
