// Partial sums along a row of dies, left to right: SAT16(sum from the left + own), unit by unit.
//
// A word is two beats, low byte first. In PSUM, index w belongs to word w - k in column k: its
// low beat is launched as the index begins. The next die has both bytes in the cycle that ends the
// index, adds its own sum there, and launches the result as the next index begins: 2 * KAPPA
// cycles for each word and hop. The last die keeps the result.
// Every beat has its slot; one that is missing, bad or out of its slot is a fault of the link.
module row_chain #(
    parameter int N = 96,
    parameter int KAPPA = 2,
    parameter int PARITY = 1
) (
    input  logic               clk,
    input  logic               reset,
    input  logic [7:0]         col,
    input  logic [7:0]         columns,
    input  logic [7:0]         row_units,   // nu
    input  logic [7:0]         units,       // real ones, whose clamps count
    input  logic [3:0]         phase,
    input  logic [15:0]        index,
    input  logic               beat_here,
    input  logic               high_here,
    input  logic               index_last,
    input  logic               last,
    input  logic               west_valid,
    input  logic [7:0]         west_data,
    input  logic               west_parity,
    output logic               east_valid,
    output logic [7:0]         east_data,
    output logic               east_parity,
    output logic [7:0]         own_unit,    // whose own sum is needed
    input  logic signed [15:0] own,
    input  logic [7:0]         kept_unit,
    output logic signed [15:0] kept,        // by the last die
    output logic               clamped,
    output logic               fault
);
    localparam int SELECT_BITS = $clog2(N > 1 ? N : 2);
    localparam int LEFT_BITS = $clog2(2 * KAPPA);

    logic        take;
    logic        unused_flag;
    logic [7:0]  incoming;
    logic        bad;
    logic [7:0]  low;
    logic [7:0]  high;
    logic [LEFT_BITS-1:0] left; // cycles for which the word in the launch register still lasts

    logic signed [15:0] sums [0:N-1];

    beat_receiver #(.KAPPA(KAPPA), .PARITY(PARITY)) from_west (
        .clk, .reset, .line_valid(west_valid), .line_flag(1'b0), .line_data(west_data),
        .line_parity(west_parity), .take, .flag(unused_flag), .data(incoming), .bad
    );

    wire first = col == 8'd0;
    wire ends_row = col == columns - 8'd1;
    wire in_chain = columns > 8'd1 && col < columns;
    wire draining = phase == phases::DRAIN && last;
    wire summing = phase == phases::PSUM;
    wire [7:0] word = index[7:0] - (col - 8'd1);  // of the sum that comes from the left
    wire expected = summing && in_chain && !first && word < row_units;

    assign own_unit = !first ? word : summing ? index[7:0] + 8'd1 : 8'd0;

    wire leads = in_chain && first && (draining || (summing && index_last && own_unit < row_units));
    wire follows = expected && index_last;

    wire signed [16:0] exact = 17'($signed({incoming, low})) + 17'(own);
    wire overflows = exact[16] != exact[15];
    wire signed [15:0] sum = overflows ? {exact[16], {15{~exact[16]}}} : exact[15:0];
    wire [15:0] launched = first ? own : sum;

    assign clamped = follows && overflows && word < units;
    assign fault = (take && (bad || !expected)) || (expected && (beat_here || high_here) && !take);
    assign kept = sums[kept_unit[SELECT_BITS-1:0]];
    assign east_parity = ~^east_data;

    always_ff @(posedge clk) begin
        if (take && beat_here) low <= incoming;
        if (follows && ends_row) sums[word[SELECT_BITS-1:0]] <= sum;
    end

    always_ff @(posedge clk) begin
        if (reset) begin
            east_valid <= 1'b0;
            east_data <= 8'd0;
            left <= '0;
        end else if (leads || (follows && !ends_row)) begin
            east_valid <= 1'b1;
            east_data <= launched[7:0];
            high <= launched[15:8];
            left <= LEFT_BITS'(2 * KAPPA - 1);
        end else if (left != '0) begin
            left <= left - 1'b1;
            if (left == LEFT_BITS'(KAPPA)) east_data <= high;
        end else begin
            east_valid <= 1'b0;
        end
    end
endmodule
