// Answers READ: fetches word after word and hands out their bytes, one for each beat.
module bus_reader #(
    parameter int N = 96,
    parameter int KAPPA = 2
) (
    input  logic        clk,
    input  logic        reset,
    input  logic        begins,
    input  logic [7:0]  wanted_region,
    input  logic [15:0] wanted_address,
    input  logic [15:0] wanted_bytes,
    output logic        fetch,     // the word at `address`; its bytes are there in the next cycle
    output logic [7:0]  region,
    output logic [15:0] address,
    output logic [7:0]  position,  // which byte of the word is wanted
    output logic        launch,
    output logic        done       // with the last byte
);
    localparam int TICK_BITS = $clog2(KAPPA);

    logic                 running;
    logic [TICK_BITS-1:0] tick;
    logic [15:0]          remaining;
    logic [7:0]           word_bytes;

    always_comb begin
        case (region)
            bus::WEIGHTS, bus::BIASES: word_bytes = 8'(N);
            bus::TABLES, bus::CELLS: word_bytes = 8'd2;
            bus::STATUS: word_bytes = 8'd12;
            default: word_bytes = 8'd1;
        endcase
    end

    wire word_ends = position == word_bytes - 8'd1;

    assign fetch = running && tick == '0 && position == 8'd0;
    assign launch = running && tick == TICK_BITS'(KAPPA - 1);
    assign done = launch && remaining == 16'd1;

    always_ff @(posedge clk) begin
        if (reset) begin
            running <= 1'b0;
        end else if (begins) begin
            running <= wanted_bytes != 16'd0;
            tick <= '0;
            region <= wanted_region;
            address <= wanted_address;
            remaining <= wanted_bytes;
            position <= 8'd0;
        end else if (running) begin
            tick <= launch ? '0 : tick + 1'b1;
            if (launch) begin
                remaining <= remaining - 16'd1;
                if (done) running <= 1'b0;
                position <= word_ends ? 8'd0 : position + 8'd1;
                if (word_ends) address <= address + 16'd1;
            end
        end
    end
endmodule
