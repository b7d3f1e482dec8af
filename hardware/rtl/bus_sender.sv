// What a die drives back: new h in its slots of a step, and the bytes that a READ asked for.
// Silent it drives zeros, for the in-bus is the OR of all who may speak.
module bus_sender #(
    parameter int KAPPA = 2
) (
    input  logic       clk,
    input  logic       reset,
    input  logic       launch,
    input  logic [7:0] data,
    output logic       line_valid,
    output logic [7:0] line_data,
    output logic       line_parity
);
    localparam int LEFT_BITS = $clog2(KAPPA + 1);

    logic [LEFT_BITS-1:0] left;

    always_ff @(posedge clk) begin
        if (reset) begin
            line_valid <= 1'b0;
            line_data <= 8'd0;
            line_parity <= 1'b0;
            left <= '0;
        end else if (launch) begin
            line_valid <= 1'b1;
            line_data <= data;
            line_parity <= ~^data;
            left <= LEFT_BITS'(KAPPA - 1);
        end else if (left != '0) begin
            left <= left - 1'b1;
        end else begin
            line_valid <= 1'b0;
            line_data <= 8'd0;
            line_parity <= 1'b0;
        end
    end
endmodule
