// A die behind four pins, for its figures alone: a chip may have fewer pins than a die has wires,
// and here neither the pins nor the way to them are what is measured. Nobody needs it to use one.
//
// What comes in at `scan_in` is shifted along registers, one for each input of the die but the clock;
// its outputs are captured in others while `capture` is high, and leave at `scan_out`. So every path
// of the die begins and ends at a register, and nothing of it is constant or unused.
module die_on_pins #(
    parameter int N = 16,
    parameter int NX = 112,
    parameter int CONTEXTS = 4
) (
    input  logic clk,
    input  logic scan_in,
    input  logic capture,
    output logic scan_out
);
    localparam int INPUTS = 1 + 8 + 8 + 11 + 10; // reset, row, column, in-bus, from the left
    localparam int OUTPUTS = 10 + 10;            // to the right, back to the host

    logic [INPUTS-1:0]  inputs;
    logic [OUTPUTS-1:0] outputs, captured;

    always_ff @(posedge clk) begin
        inputs <= {inputs[INPUTS-2:0], scan_in};
        captured <= capture ? outputs : {captured[OUTPUTS-2:0], 1'b0};
    end

    assign scan_out = captured[OUTPUTS-1];

    die #(.N(N), .NX(NX), .CONTEXTS(CONTEXTS)) die (
        .clk, .reset(inputs[37]), .row(inputs[36:29]), .col(inputs[28:21]),
        .bus_valid(inputs[20]), .bus_command(inputs[19]), .bus_data(inputs[18:11]), .bus_parity(inputs[10]),
        .west_valid(inputs[9]), .west_data(inputs[8:1]), .west_parity(inputs[0]),
        .east_valid(outputs[0]), .east_data(outputs[8:1]), .east_parity(outputs[9]),
        .back_valid(outputs[10]), .back_data(outputs[18:11]), .back_parity(outputs[19])
    );
endmodule
