// One end of a byte link: captures a beat, and says once that it is there.
//
// A sender holds a beat for KAPPA cycles and the next may follow at once. Launched at edge t, a
// beat is in the capture register from t + 1 on; `take` is high in that cycle, so whoever uses
// the byte does so at edge t + 2. Odd parity covers the byte and the flag that travels with it.
module beat_receiver #(
    parameter int KAPPA = 2,
    parameter int PARITY = 1
) (
    input  logic       clk,
    input  logic       reset,
    input  logic       line_valid,
    input  logic       line_flag,
    input  logic [7:0] line_data,
    input  logic       line_parity,
    output logic       take,
    output logic       flag,
    output logic [7:0] data,
    output logic       bad
);
    localparam int AGE_BITS = $clog2(KAPPA + 1);
    localparam logic [AGE_BITS-1:0] OLDEST = AGE_BITS'(KAPPA - 1);

    logic                valid;
    logic                parity;
    logic [AGE_BITS-1:0] age; // cycles for which the captured beat has been there

    always_ff @(posedge clk) begin
        if (reset) begin
            valid <= 1'b0;
            age <= '0;
        end else begin
            valid <= line_valid;
            age <= (!valid || age == OLDEST) ? '0 : age + 1'b1;
        end
        if (line_valid) begin
            flag <= line_flag;
            data <= line_data;
            parity <= line_parity;
        end
    end

    assign take = valid && age == '0;
    assign bad = PARITY != 0 && !(^{flag, data, parity});
endmodule
