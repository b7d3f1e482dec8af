// Which contexts hold a state, how many steps each has had, and the transfer that is under way.
module contexts #(
    parameter int CONTEXTS = 4
) (
    input  logic        clk,
    input  logic        forget,        // all are invalid now
    input  logic [7:0]  which,
    output logic        valid,
    output logic [23:0] steps,
    output logic        getting,
    output logic        setting,
    output logic [23:0] part,          // where its next part begins
    input  logic        spoil,         // it is invalid now
    input  logic        settle,        // it is valid now, and has had so many steps
    input  logic [23:0] steps_now,
    input  logic        end_transfer,
    input  logic        go_on,         // a part has passed
    input  logic        of_set,
    input  logic [23:0] part_now
);
    localparam int BITS = $clog2(CONTEXTS > 1 ? CONTEXTS : 2);

    logic [CONTEXTS-1:0] holding;
    logic [23:0]         counts [0:CONTEXTS-1];
    logic                under_way, is_set;
    logic [7:0]          whose;

    assign valid = holding[which[BITS-1:0]];
    assign steps = counts[which[BITS-1:0]];
    assign getting = under_way && !is_set && whose == which;
    assign setting = under_way && is_set && whose == which;

    always_ff @(posedge clk) begin
        if (forget) holding <= '0;
        else if (spoil) holding[which[BITS-1:0]] <= 1'b0;
        else if (settle) holding[which[BITS-1:0]] <= 1'b1;
        if (settle) counts[which[BITS-1:0]] <= steps_now;
        if (forget || end_transfer) under_way <= 1'b0;
        else if (go_on) begin
            under_way <= 1'b1;
            is_set <= of_set;
            whose <= which;
            part <= part_now;
        end
    end
endmodule
