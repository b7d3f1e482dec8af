// The host's end of the in-bus: sends an instruction with its data, and counts a step.
//
// An instruction is SELECT row column (if `selects`), a command, up to ten argument bytes, and as
// many bytes of the request's payload as it is told. One beat follows the other without a gap.
module dies_port #(
    parameter int KAPPA = 2,
    parameter int PARITY = 1
) (
    input  logic        clk,
    input  logic        reset,
    input  logic        send,
    output logic        sent,             // in the last cycle of the last beat
    input  logic        selects,
    input  logic [7:0]  row,
    input  logic [7:0]  col,
    input  logic [7:0]  command,
    input  logic [79:0] arguments,        // the first one lowest
    input  logic [3:0]  argument_count,
    input  logic [15:0] data_first,       // of the payload
    input  logic [15:0] data_count,
    output logic [15:0] payload_address,
    input  logic [7:0]  payload,
    output logic        passes,           // a byte of the payload goes onto the bus
    output logic        first_passes,
    // The line, and what comes back over it.
    output logic        out_valid,
    output logic        out_command,
    output logic [7:0]  out_data,
    output logic        out_parity,
    input  logic        bus_valid,
    input  logic        bus_command,
    input  logic [7:0]  bus_data,
    input  logic        bus_parity,
    output logic        take,
    output logic        bad,
    output logic [7:0]  data
);
    localparam int TICK_BITS = $clog2(KAPPA);

    logic                 running;
    logic [TICK_BITS-1:0] tick;
    logic [3:0]           at;     // 0 to 2 SELECT, 3 command, then arguments; stays behind them
    logic [15:0]          data_at;

    wire [3:0] arguments_end = argument_count + 4'd4;
    wire in_data_part = at == arguments_end;
    wire last_tick = tick == TICK_BITS'(KAPPA - 1);
    wire over = in_data_part && data_at == data_count;
    wire load = running && last_tick && !over;
    wire [3:0] argument = at - 4'd4;

    logic [7:0] next_byte;
    logic       flag;
    always_comb begin
        flag = 1'b0;
        case (at)
            4'd0: {flag, next_byte} = {1'b1, bus::SELECT};
            4'd1: next_byte = row;
            4'd2: next_byte = col;
            4'd3: {flag, next_byte} = {1'b1, command};
            default: next_byte = in_data_part ? payload : arguments[{argument, 3'd0}+:8];
        endcase
    end

    assign payload_address = data_first + data_at;
    assign passes = load && in_data_part;
    assign first_passes = passes && data_at == 16'd0;
    assign sent = running && last_tick && over;

    always_ff @(posedge clk) begin
        if (reset) begin
            running <= 1'b0;
            out_valid <= 1'b0;
            {out_command, out_data, out_parity} <= '0;
        end else if (!running) begin
            if (send) begin
                running <= 1'b1;
                tick <= TICK_BITS'(KAPPA - 1);
                at <= selects ? 4'd0 : 4'd3;
                data_at <= 16'd0;
            end
        end else begin
            tick <= last_tick ? '0 : tick + 1'b1;
            if (load) begin
                out_valid <= 1'b1;
                out_command <= flag;
                out_data <= next_byte;
                out_parity <= ~^{flag, next_byte};
                if (in_data_part) data_at <= data_at + 16'd1;
                else at <= at + 4'd1;
            end else if (last_tick) begin
                running <= 1'b0;
                out_valid <= 1'b0;
                {out_command, out_data, out_parity} <= '0;
            end
        end
    end

    logic unused_flag;
    beat_receiver #(.KAPPA(KAPPA), .PARITY(PARITY)) from_bus (
        .clk, .reset, .line_valid(bus_valid), .line_flag(bus_command), .line_data(bus_data),
        .line_parity(bus_parity), .take, .flag(unused_flag), .data, .bad
    );
endmodule
