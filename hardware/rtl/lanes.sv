// N multiply-accumulators side by side: one row of weights times one element per cycle.
//
// s8 sQ2.5 times s8 sQ0.7 is a product with 12 fraction bits, which is added without a shift;
// every addition saturates to 16 bits, so the order of the rows belongs to the result.
// Ref: docs/munt-spec-0.md, sections 2 and 3.
module lanes #(
    parameter int N = 96
) (
    input  logic               clk,
    input  logic               load,       // begin a gate: from the biases in `row`, or from zero
    input  logic               from_bias,
    input  logic               accumulate,
    input  logic [8*N-1:0]     row,
    input  logic signed [7:0]  element,
    input  logic [7:0]         units,      // real ones, whose clamps count
    input  logic [7:0]         selected,
    output logic signed [15:0] sum,        // of the unit `selected`, at once
    output logic [7:0]         events      // clamps that changed a value, in the cycle before
);
    localparam int SELECT_BITS = $clog2(N > 1 ? N : 2);

    logic signed [15:0] accumulator [0:N-1];
    logic [N-1:0]       clamped;
    logic               counted;

    function automatic logic signed [16:0] exact(
        input logic signed [15:0] so_far, input logic signed [7:0] weight,
        input logic signed [7:0] activation
    );
        logic signed [15:0] product;
        product = weight * activation;
        exact = so_far + product; // 17 bits hold it
    endfunction

    function automatic logic signed [15:0] saturated(input logic signed [16:0] wide);
        saturated = wide[16] == wide[15] ? wide[15:0] : {wide[16], {15{~wide[16]}}};
    endfunction

    function automatic logic overflows(input logic signed [16:0] wide);
        overflows = wide[16] != wide[15];
    endfunction

    // Added up in pairs of pairs: one after the other would be the longest path of a large die.
    function automatic logic [7:0] count(input logic [N-1:0] events_of, input logic [7:0] real_ones);
        logic [8*N-1:0] counts;
        for (int unit = 0; unit < N; unit++)
            counts[8*unit+:8] = {7'd0, events_of[unit] && 8'(unit) < real_ones};
        for (int span = 1; span < N; span = 2 * span)
            for (int unit = 0; unit + span < N; unit = unit + 2 * span)
                counts[8*unit+:8] = counts[8*unit+:8] + counts[8*(unit+span)+:8];
        count = counts[7:0];
    endfunction

    assign sum = accumulator[selected[SELECT_BITS-1:0]];
    assign events = counted && clamped != '0 ? count(clamped, units) : 8'd0;

    always_ff @(posedge clk) begin
        counted <= accumulate && !load;
        if (load) begin
            for (int unit = 0; unit < N; unit++)
                accumulator[unit] <= from_bias
                    ? {row[8*unit+7], row[8*unit+:8], 7'd0} : 16'sd0;
        end else if (accumulate) begin
            for (int unit = 0; unit < N; unit++) begin
                accumulator[unit] <= saturated(
                    exact(accumulator[unit], $signed(row[8*unit+:8]), element));
                clamped[unit] <= overflows(
                    exact(accumulator[unit], $signed(row[8*unit+:8]), element));
            end
        end
    end
endmodule
