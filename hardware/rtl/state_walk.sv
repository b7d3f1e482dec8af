// Where in the dies the bytes of a state are: h of all units over the columns, then c over the
// rows, two bytes a unit. It walks from the first byte to the last, in runs within a die.
module state_walk (
    input  logic        clk,
    input  logic        begins,
    input  logic        advance,     // by `run`
    input  logic [15:0] wanted,      // bytes that are left of a part
    input  logic [15:0] hidden,      // NH
    input  logic [7:0]  h_slice,     // nh
    input  logic [7:0]  row_units,   // nu
    output logic [15:0] run,         // bytes that lie together
    output logic        in_cells,    // they are of c
    output logic [7:0]  slice,       // column of h, row of c
    output logic [8:0]  offset       // bytes into it
);
    logic [15:0] passed;             // of h, or of c

    wire [15:0] section = in_cells ? {hidden[14:0], 1'b0} : hidden;
    wire [8:0]  slice_bytes = in_cells ? {row_units, 1'b0} : {1'b0, h_slice};
    wire [15:0] of_slice = 16'(slice_bytes) - 16'(offset);
    wire [15:0] of_section = section - passed;
    wire [15:0] there = of_slice < of_section ? of_slice : of_section;

    assign run = wanted < there ? wanted : there;

    always_ff @(posedge clk) begin
        if (begins) begin
            in_cells <= 1'b0;
            slice <= 8'd0;
            offset <= 9'd0;
            passed <= 16'd0;
        end else if (advance) begin
            if (run == of_section) begin
                in_cells <= 1'b1;
                slice <= 8'd0;
                offset <= 9'd0;
                passed <= 16'd0;
            end else begin
                passed <= passed + run;
                slice <= run == of_slice ? slice + 8'd1 : slice;
                offset <= run == of_slice ? 9'd0 : offset + run[8:0];
            end
        end
    end
endmodule
