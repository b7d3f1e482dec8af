// The order of a session: which number comes next, and the last WINDOW replies, each of which is
// sent again when its request comes again. Ref: docs/vau-link-1.md, section 3.
module replies #(
    parameter int WINDOW = 4,     // a power of two
    parameter int WIDTH = 88      // of what is stored of a reply
) (
    input  logic             clk,
    input  logic             clear,      // a new session, or none
    input  logic [15:0]      number,     // of the request at hand
    output logic [15:0]      expected,   // 1 at first; 1 follows 65535
    output logic [15:0]      last_taken, // 0 before the first
    output logic             in_turn,
    output logic             stored,     // it has been answered before
    output logic [WIDTH-1:0] found,
    input  logic             take,       // the number at hand is taken, with this reply
    input  logic             has_payload_slot, // class B: the only payload is its from now on
    input  logic [WIDTH-1:0] reply
);
    localparam int BITS = $clog2(WINDOW);

    logic [WIDTH-1:0] kept [0:WINDOW-1];
    logic [BITS-1:0]  head;      // where the next one goes
    logic [BITS:0]    count;
    logic [BITS:0]    owner_age; // how long ago the payload's reply was taken; 0: never, or too long ago

    // How many numbers ago: 1 is the last one taken. There is no number 0.
    wire [15:0] age = expected > number ? expected - number : expected - number - 16'd1;

    logic [WINDOW-1:0] forgotten; // replies whose payload is another's by now

    wire [BITS-1:0] slot = head - age[BITS-1:0];

    assign in_turn = number == expected;
    assign stored = number != 16'd0 && !in_turn && age <= 16'(count) && !forgotten[slot];
    assign found = kept[slot];

    always_ff @(posedge clk) begin
        if (clear) begin
            expected <= 16'd1;
            last_taken <= 16'd0;
            head <= '0;
            count <= '0;
            owner_age <= '0;
            forgotten <= '0;
        end else if (take) begin
            last_taken <= number;
            expected <= expected == 16'hFFFF ? 16'd1 : expected + 16'd1;
            head <= head + 1'b1;
            if (count != (BITS + 1)'(WINDOW)) count <= count + 1'b1;
            if (has_payload_slot) owner_age <= (BITS + 1)'(1);
            else if (owner_age != '0)
                owner_age <= owner_age == (BITS + 1)'(WINDOW) ? '0 : owner_age + 1'b1;
            forgotten[head] <= 1'b0;
            if (has_payload_slot && owner_age != '0 && head - owner_age[BITS-1:0] != head)
                forgotten[head - owner_age[BITS-1:0]] <= 1'b1;
        end
        if (take) kept[head] <= reply;
    end
endmodule
