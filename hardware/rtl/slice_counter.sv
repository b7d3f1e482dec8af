// Which slice the element on the bus belongs to, and where in it: element / length and its rest,
// counted instead of divided.
module slice_counter (
    input  logic       clk,
    input  logic       clear,
    input  logic       step,
    input  logic [7:0] length,
    output logic [7:0] slice,
    output logic [7:0] offset
);
    wire ends = offset == length - 8'd1;

    always_ff @(posedge clk) begin
        if (clear) begin
            slice <= 8'd0;
            offset <= 8'd0;
        end else if (step) begin
            slice <= ends ? slice + 8'd1 : slice;
            offset <= ends ? 8'd0 : offset + 8'd1;
        end
    end
endmodule
